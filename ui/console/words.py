"""The words of the console's frame and its sign-in page, by language; a tab brings its own."""

from __future__ import annotations

from collections.abc import Mapping

from ui.words import Words

FRAME: Mapping[str, Words] = {
    "en": {
        "tag": "en",
        "console": "Console",
        "sections": "Sections",
        "skip": "Skip to the content",
        "account": "Account",
        "sign_out": "Sign out",
        "role_operator": "operator",
        "role_admin": "admin",
        "close": "Close",
        "no_script": "The console needs JavaScript.",
        "language_choice": "Language",
        "theme": "Appearance",
        "theme_auto": "Automatic",
        "theme_light": "Light",
        "theme_dark": "Dark",
        "app_choice": "Assistant",
        "all_apps": "All assistants",
        "lost": "The service cannot be reached. Trying again.",
        # Signing in
        "sign_in": "Sign in",
        "sign_in_lead": "For those who answer customers and teach the assistants.",
        "name": "Name",
        "password": "Password",
        "show_password": "Show the password",
        "no_users": "Nobody can sign in yet. Whoever runs the service makes the first user in a terminal:",
        # Refusals by their code
        "problem_wrong_sign_in": "Name and password do not fit together.",
        "problem_sign_in_later": "Too many failures. Try again in {seconds} s.",
        "problem_admins_only": "Only an admin may do this.",
        "problem_too_many_requests": "Too many requests from here. Wait a moment.",
        "problem_busy": "Many people are asking at once. Try again in a moment.",
        "problem_disk_full": "There is no room left to store this, so nothing was kept.",
    },
    "zh": {
        "tag": "zh-Hans",
        "console": "控制台",
        "sections": "栏目",
        "skip": "跳到主要内容",
        "account": "账户",
        "sign_out": "退出登录",
        "role_operator": "客服",
        "role_admin": "管理员",
        "close": "关闭",
        "no_script": "控制台需要启用 JavaScript。",
        "language_choice": "语言",
        "theme": "外观",
        "theme_auto": "自动",
        "theme_light": "浅色",
        "theme_dark": "深色",
        "app_choice": "助手",
        "all_apps": "所有助手",
        "lost": "无法连接到服务，正在重试。",
        "sign_in": "登录",
        "sign_in_lead": "供接待客户和训练助手的人员使用。",
        "name": "用户名",
        "password": "密码",
        "show_password": "显示密码",
        "no_users": "目前还没有可登录的用户。请由服务的运行者在终端中创建第一个用户：",
        "problem_wrong_sign_in": "用户名与密码不匹配。",
        "problem_sign_in_later": "失败次数过多，请在 {seconds} 秒后重试。",
        "problem_admins_only": "只有管理员可以执行此操作。",
        "problem_too_many_requests": "请求过于频繁，请稍候。",
        "problem_busy": "当前请求较多，请稍后再试。",
        "problem_disk_full": "存储空间已满，内容没有保存。",
    },
}
"""Language -> key -> text. Every language has the same keys."""
