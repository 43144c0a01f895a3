# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# What has no types here may be anything.

from typing import Any

def __getattr__(name: str) -> Any: ...
