"""Simulated chest radiographs with reports, labels, boxes and regions: toy data, open to all."""
