"""Other models, asked in their own words, each in its own process and environment.

``native`` says what a baseline file holds, ``asks`` what a question is about, ``process`` and
``model`` how a baseline is run behind the ``Model`` protocol, ``environment`` how it is set up.
"""
