"""First code in the process of a step: redirects container paths into the sandbox and runs the script.

It is compiled into the job file and imports almost nothing, to keep process start cheap. A path of the
container (``/opt/ml/...``) is redirected if it is

- an argument or an environment variable, or
- a literal in the script or a module beside it: literals are replaced in the compiled code.

Opening a path that is built at run time fails with an explanation.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

__all__: list[str] = []

_OPENING = frozenset(
    {
        *("open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.chmod"),
        *("os.truncate", "os.link", "os.symlink", "os.utime", "os.chdir"),
    }
)


def _start(job: "dict[str, Any]") -> None:
    _die_with_starter(job["lifeline"])
    _limit(job["disk"])
    prefixes = job["prefixes"]
    _redirect_imports(job["folders"], prefixes)
    _guard([item for item, _ in prefixes], job["sandbox"])
    sys.argv = [job["script"], *job["arguments"]]
    sys.path[:0] = job["folders"]
    code = job["code"]
    if code is None:
        with open(job["script"], "rb") as file:
            code = compile(file.read(), job["script"], "exec", dont_inherit=True)
    module = type(sys)("__main__")
    module.__file__ = job["script"]
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    starts = "__name__" in code.co_names and "__main__" in code.co_consts
    if job["function"]:
        module.__name__ = "script"  # skip the `__main__` block
    exec(_redirected(code, prefixes), module.__dict__)  # noqa: S102 - running the script is what this is for
    if job["function"] or not starts:
        _call(module.__dict__, job["function"], job)


def _die_with_starter(lifeline: int) -> None:
    """Let the system kill this process when the other end of a pipe closes."""
    if sys.platform == "linux":
        import fcntl
        import os

        # Reopened, because the signal owner belongs to the open file, which child processes share.
        try:
            lifeline = os.open(f"/proc/self/fd/{lifeline}", os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            return
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgid(0))
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, 9)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_NONBLOCK | fcntl.FASYNC)
        try:
            os.read(lifeline, 1)
        except BlockingIOError:
            return  # the other end is open
        os.killpg(0, 9)  # the parent exited before the signal was set


def _limit(disk: int) -> None:
    if sys.platform != "win32":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        if hard == resource.RLIM_INFINITY or disk < hard:
            resource.setrlimit(resource.RLIMIT_FSIZE, (disk, disk))


def _redirected(code: "CodeType", prefixes: "list[list[str]]") -> "CodeType":
    """Return code with every literal container path redirected into the sandbox."""

    def constant(value: "Any") -> "Any":
        kind = type(value)
        if kind is str:
            for prefix, place in prefixes:
                if value.startswith(prefix) and value[len(prefix) : len(prefix) + 1] in ("", "/"):
                    return place + value[len(prefix) :]
            return value
        if kind is type(code):
            return _redirected(value, prefixes)
        if kind is tuple or kind is frozenset:
            return kind(map(constant, value))
        return value

    return code.replace(co_consts=tuple(map(constant, code.co_consts)))


def _redirect_imports(folders: "list[str]", prefixes: "list[list[str]]") -> None:
    loader = sys.modules["_frozen_importlib_external"].SourceFileLoader
    get_code = loader.get_code
    ours = tuple(folder + "/" for folder in folders)

    def redirected_code(self: "Any", fullname: str) -> "Any":
        code = get_code(self, fullname)
        if code is None or not self.path.startswith(ours) or "/site-packages/" in self.path:
            return code
        return _redirected(code, prefixes)

    loader.get_code = redirected_code


def _guard(prefixes: "list[str]", sandbox: str) -> None:
    outside = tuple(prefix + "/" for prefix in prefixes)

    def refuse(event: str, arguments: "tuple[Any, ...]") -> None:
        if event not in _OPENING:
            return
        path = arguments[0]
        if type(path) is not str:
            if not hasattr(path, "__fspath__"):
                return
            path = path.__fspath__()
            if type(path) is not str:
                return
        if path.startswith(outside) and not path.startswith(sandbox):
            raise PermissionError(
                1, "container paths built at run time are not redirected into the sandbox: "
                "use an argument, an environment variable or a literal", path
            )  # fmt: skip

    sys.addaudithook(refuse)


def _call(names: "Any", function: str, job: "dict[str, Any]") -> None:
    """Call the function of a script with arguments by name."""
    import os

    for word in (function or "main").split("."):
        names = names.get(word) if type(names) is dict else getattr(names, word, None)
    if not callable(names):
        if function:
            raise SystemExit(f"the script has no function `{function}`")
        return  # the module body was the whole script
    given = {
        "input_paths": job["input_paths"],
        "output_paths": job["output_paths"],
        "environ_vars": dict(os.environ),
        "job_args": type(sys.implementation)(**job["values"]),
        **job["values"],
    }
    code = getattr(names, "__code__", None)
    wanted = () if code is None else code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    optional = len(getattr(names, "__defaults__", None) or ())
    needed = {*wanted[: (code.co_argcount if code else 0) - optional]}
    for name in wanted:
        if name in needed and name not in given:
            raise SystemExit(
                f"`{function or 'main'}` has a parameter `{name}`, which is neither an interface argument "
                "nor one of input_paths, output_paths, environ_vars and job_args"
            )
    names(**{name: given[name] for name in wanted if name in given})


def _print_error(error: Exception) -> None:
    """Print the exception of the script, without frames of this file."""
    place = error.__traceback__
    while place is not None and place.tb_frame.f_code.co_filename == _start.__code__.co_filename:
        place = place.tb_next
    sys.excepthook(type(error), error.with_traceback(place), place)


if __name__ == "__main__":
    try:
        _start(job)  # type: ignore[name-defined]  # noqa: F821 - defined by the code that runs this
    except Exception as error:  # noqa: BLE001 - raised by the script; exit like Python
        _print_error(error)
        sys.exit(1)
