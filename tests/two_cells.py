"""The smallest study with something to compare: two methods on a ring, done in seconds."""

STUDY = """
title: Tiny
description: Two methods on a ring.
seed: 3
replicates: 2
datasets:
  ring: {source: ring, sizes: {train: 300, validation: 50, test: 120}}
networks:
  default: {network: mlp, options: {width: 8, depth: 1}}
methods:
  dsm: {objective: dsm}
  ssm_vr: {objective: ssm_vr}
schedules:
  log_uniform: {schedule: log_uniform, options: {sigma_max: 5, sigma_min: 0.05, levels: 3}}
samplers:
  probability_flow: {sampler: probability_flow, options: {steps: 3}}
training: {steps: 30, batch: 16, learning_rate: 0.003, ema: 0.9, log_every: 10}
sampling: {points: 100}
evaluation:
  {sigmas: {min: 0.05, max: 5, count: 3}, points: 100, projections: 5, energy_points: 100, c2st_points: 100,
   c2st_folds: 2}
"""
