"""The report of a study: pictures, figures, statistics and the template of one self-contained HTML page."""
