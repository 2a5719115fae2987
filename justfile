# The chores of the project. `.venv/bin/just` exists as soon as `./verdict` has run once.

# Arguments reach the recipes as "$@", quotes intact.
set positional-arguments

# List the chores.
default:
    @{{ just_executable() }} --list --unsorted

# All that a change must pass: lint, format, types, tests. CI runs the same.
check:
    .ci/run

# The tests, or some of them: just test tests/kernel -k netting
test *args:
    ./verdict test "$@"

# The kernel's tests, run by the compiled kernel.
test-compiled *args:
    PYTHONSAFEPATH=1 PYTHONPATH="$(./verdict compile):$PWD" .venv/bin/python -m pytest --import-mode=append tests/kernel "$@"

# The kernel's property tests with many more examples, new ones each time.
fuzz *args:
    HYPOTHESIS_PROFILE=thorough ./verdict test tests/kernel "$@"

# Measure. Nothing here asserts a speed.
bench *args:
    ./verdict bench "$@"

# Pictures of every screen of the page, from a demo, into a folder: just pictures /tmp/pictures --only market-1280
pictures *args:
    .venv/bin/python -m tests.web.pictures "$@"

# Format, and mend what the linter can mend.
format:
    .venv/bin/ruff format .
    .venv/bin/ruff check --fix .

# Pin the newest versions that pyproject.toml allows, with hashes (needs uv on PATH).
lock:
    uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links pyproject.toml --group dev -o requirements.lock
