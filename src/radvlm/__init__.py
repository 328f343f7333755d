"""Build, train, evaluate and talk to vision-language models for chest radiographs.

Research use only; not a medical device and not for diagnosis.
"""

__version__ = "0.1.0"
