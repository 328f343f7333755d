"""``radvlm inspect``: the facts of what lies at a path, and the page of a data set."""

from radvlm.inspecting.facts import inspect

__all__ = ["inspect"]
