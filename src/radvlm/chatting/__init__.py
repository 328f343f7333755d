"""``radvlm chat``: look at, ask about and report one radiograph in the terminal."""

from radvlm.chatting.conversation import Conversation
from radvlm.chatting.session import chat_in_terminal

__all__ = ["Conversation", "chat_in_terminal"]
