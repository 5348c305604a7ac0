"""Constraints on inputs: met exactly at points, and named where a gradient is right only under one."""
