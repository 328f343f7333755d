"""The API and the page: ``radvlm serve``; see ``serve.app``."""
