"""The page's own words, by language. What an app says (title, greeting, replies) is in its domain file."""

from __future__ import annotations

from collections.abc import Mapping

Words = Mapping[str, str]

LANGUAGE_COOKIE = "switchboard_language"
DEFAULT_LANGUAGE = "en"

REASONS = ("wrong", "off_topic", "outdated", "tone", "other")
"""Why a reply is judged unhelpful; the text of each is ``reason_<name>``."""

_ENGLISH: Words = {
    "tag": "en",
    "language": "English",
    # The frame
    "status": "Automated assistant",
    "new": "New conversation",
    "apps": "Choose an assistant",
    "own_page": "Dashboard",
    "menu": "Conversations and settings",
    "close": "Close",
    "past": "Conversations",
    "past_none": "Your conversations will be kept here.",
    "delete": "Delete conversation",
    "delete_ask": "Delete this conversation?",
    "delete_means": "Its messages and your feedback on them are removed from this service for good.",
    "delete_yes": "Delete",
    "deleted": "The conversation is deleted.",
    "not_deleted": "The conversation could not be deleted.",
    "language_choice": "Language",
    "theme": "Appearance",
    "theme_auto": "Automatic",
    "theme_light": "Light",
    "theme_dark": "Dark",
    "training": "A better model is being trained in the background",
    "loading": "Loading",
    "no_script": "This page needs JavaScript.",
    # Writing
    "skip": "Skip to the message box",
    "message": "Your message",
    "placeholder": "Write a message",
    "send": "Send",
    "hint": "Please share no passwords or card numbers.",
    "try": "You could ask",
    # The conversation
    "conversation": "Conversation",
    "assistant": "Assistant",
    "you": "You",
    "typing": "The assistant is writing",
    "suggestions": "Suggested replies",
    # With a person
    "person": "from our team",
    "delivered": "Delivered. A person will answer here.",
    "status_waiting": "Waiting for a person",
    "status_person": "You are talking to {name}",
    "joined": "{name} from our team has joined the conversation.",
    "left": "The assistant answers again.",
    "figure": "Chart. Use the arrow keys to read its points.",
    "figure_png": "Picture (PNG)",
    "figure_csv": "Figures (CSV)",
    "source": "Source",
    "sources": "Sources",
    "open": "Open the passage in a new tab",
    "to_source": "Go to source",
    "copy": "Copy the reply",
    "copied": "Copied",
    "again": "Ask this again",
    "retry": "Send again",
    "failed": "That did not go through.",
    "failed_remedy": "Wait a moment and try again; your text is kept.",
    "moved_on": "Your earlier conversation is no longer open, so a new one has begun.",
    # Refusals by their code
    "busy": "Many people are asking at once. Try again in a moment.",
    "too_many_requests": "You have asked very often. Wait a little before the next message.",
    "disk_full": "There is no room left to store this, so nothing was kept. Try again later.",
    "not_text": "That message holds no text that can be read. Write a few words.",
    "unknown_conversation": "This conversation is no longer open.",
    # Judging a reply
    "helpful": "Helpful",
    "unhelpful": "Not helpful",
    "thanks": "Thank you. A person reviews what people say of answers.",
    "thanks_up": "Thank you, noted.",
    "not_judged": "That could not be noted.",
    "what_wrong": "What was wrong?",
    "reason_wrong": "The answer is wrong",
    "reason_off_topic": "Not what I asked",
    "reason_outdated": "Out of date",
    "reason_tone": "The tone",
    "reason_other": "Something else",
    "comment": "Tell us more (optional)",
    "send_feedback": "Send feedback",
    "cancel": "Cancel",
    # Judging a conversation
    "survey": "How was this conversation?",
    "survey_mark": "{mark} of 5, where 5 is very good",
    # Why this answer
    "why": "Why this answer",
    "why_answer": "I found a passage that answers this, and I quote it.",
    "why_action": "I looked this up for you.",
    "why_form": "I need a detail from you before I can go on.",
    "why_recommend": "I picked what fits what you told me.",
    "why_clarify": "Two readings were too close, so I asked which one you meant.",
    "why_handoff": "This is better handled by a person.",
    "why_refuse": "This is outside what I know, so I did not guess.",
    "why_understood": "What I understood",
    "why_passages": "Where I looked",
    "why_scope": "How unfamiliar it was to me",
    "why_limit": "from {threshold} on I do not answer",
    "why_feeling": "How it sounded",
    "why_learned": "A person looked at a message like yours before, and that changed this answer.",
    "why_model": "Model version",
    "why_reviews": "and {count} reviewed since",
    "why_words": "Words that weighed most",
    "why_nearest": "Most like what I have learned",
    "feeling_negative": "unhappy",
    "feeling_neutral": "calm",
    "feeling_positive": "happy",
}

_CHINESE: Words = {
    "tag": "zh-Hans",
    "language": "中文",
    "status": "自动助手",
    "new": "新对话",
    "apps": "选择助手",
    "own_page": "看板",
    "menu": "对话与设置",
    "close": "关闭",
    "past": "对话记录",
    "past_none": "您的对话会保存在这里。",
    "delete": "删除对话",
    "delete_ask": "删除这段对话？",
    "delete_means": "其中的消息和您的评价将从本服务中永久删除。",
    "delete_yes": "删除",
    "deleted": "对话已删除。",
    "not_deleted": "无法删除这段对话。",
    "language_choice": "语言",
    "theme": "外观",
    "theme_auto": "自动",
    "theme_light": "浅色",
    "theme_dark": "深色",
    "training": "后台正在训练更好的模型",
    "loading": "正在加载",
    "no_script": "此页面需要启用 JavaScript。",
    "skip": "跳到消息框",
    "message": "您的消息",
    "placeholder": "输入消息",
    "send": "发送",
    "hint": "请勿透露密码或银行卡号。",
    "try": "您可以这样问",
    "conversation": "对话",
    "assistant": "助手",
    "you": "您",
    "typing": "助手正在输入",
    "suggestions": "建议回复",
    "person": "人工客服",
    "delivered": "已送达，人工客服会在这里回复您。",
    "status_waiting": "正在等待人工客服",
    "status_person": "{name} 正在为您服务",
    "joined": "人工客服 {name} 已加入对话。",
    "left": "自动助手恢复回答。",
    "figure": "图表，用方向键逐点读取。",
    "figure_png": "图片 (PNG)",
    "figure_csv": "数据 (CSV)",
    "source": "来源",
    "sources": "来源",
    "open": "在新标签页中打开原文",
    "to_source": "查看来源",
    "copy": "复制回复",
    "copied": "已复制",
    "again": "再问一次",
    "retry": "重新发送",
    "failed": "消息没有发送成功。",
    "failed_remedy": "请稍候再试，您输入的文字仍在。",
    "moved_on": "之前的对话已无法继续，已为您开始新的对话。",
    "busy": "当前咨询人数较多，请稍后再试。",
    "too_many_requests": "您发送得太频繁了，请稍等片刻再发。",
    "disk_full": "存储空间已满，消息没有保存，请稍后再试。",
    "not_text": "消息中没有可以识别的文字，请写几个字。",
    "unknown_conversation": "这段对话已不可用。",
    "helpful": "有帮助",
    "unhelpful": "没有帮助",
    "thanks": "谢谢。我们会由专人查看大家对回答的评价。",
    "thanks_up": "谢谢，已记录。",
    "not_judged": "评价没有记录成功。",
    "what_wrong": "哪里不对？",
    "reason_wrong": "回答有误",
    "reason_off_topic": "答非所问",
    "reason_outdated": "内容过时",
    "reason_tone": "语气不好",
    "reason_other": "其他",
    "comment": "补充说明（可不填）",
    "send_feedback": "提交评价",
    "cancel": "取消",
    "survey": "您觉得这次对话怎么样？",
    "survey_mark": "{mark} 分，满分 5 分，5 分为非常好",
    "why": "为什么这样回答",
    "why_answer": "我找到了能回答这个问题的原文，并引用了它。",
    "why_action": "我为您查询了这项信息。",
    "why_form": "我需要您补充一项信息才能继续。",
    "why_recommend": "我根据您说的内容挑选了合适的选项。",
    "why_clarify": "有两种理解很接近，所以我请您确认。",
    "why_handoff": "这件事由人工处理更合适。",
    "why_refuse": "这超出了我所了解的范围，所以我没有猜测。",
    "why_understood": "我的理解",
    "why_passages": "我查找的地方",
    "why_scope": "对我来说的陌生程度",
    "why_limit": "达到 {threshold} 我就不回答",
    "why_feeling": "语气听起来",
    "why_learned": "此前有人审核过与您类似的消息，这个回答因此有所改变。",
    "why_model": "模型版本",
    "why_reviews": "及此后审核的 {count} 条",
    "why_words": "最有分量的词",
    "why_nearest": "我学过的最相近的说法",
    "feeling_negative": "不满",
    "feeling_neutral": "平静",
    "feeling_positive": "愉快",
}

WORDS: Mapping[str, Words] = {"en": _ENGLISH, "zh": _CHINESE}
"""Language -> key -> text. Every language has the same keys."""


def language_of(cookies: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The language that the person chose, else the one of ours that the browser likes best, else the default."""
    chosen = cookies.get(LANGUAGE_COOKIE, "")
    if chosen in WORDS:
        return chosen
    liked = (_liking(part) for part in headers.get("accept-language", "").split(","))
    return max((pair for pair in liked if pair[1] in WORDS), default=(1.0, DEFAULT_LANGUAGE), key=lambda pair: pair[0])[
        1
    ]


def _liking(part: str) -> tuple[float, str]:
    """One part of Accept-Language (``zh-CN;q=0.8``) as (weight, language); what is no weight counts as 0."""
    tag, _, weight = part.strip().partition(";q=")
    try:
        return float(weight or 1), tag.partition("-")[0].lower()
    except ValueError:
        return 0.0, tag.partition("-")[0].lower()
