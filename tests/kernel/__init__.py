"""The kernel's tests. Its scenario language asserts, so pytest explains those asserts too."""

import pytest

pytest.register_assert_rewrite("tests.kernel.trading")
