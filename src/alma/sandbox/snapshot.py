"""The frozen state of a design: its memory, and what its file keeps in globals and classes.

A copy is a whole new module: the design's file is run again, so its classes, globals and caches are new,
then memory, globals and class attributes are filled in as they stood when the state was frozen. So calls
that run side by side share nothing that a design can change, except what it hides in other people's
modules. Functions that have no name of their own (lambdas, closures) are copied by value.
"""

from __future__ import annotations

import io
import marshal
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

from alma.memory import Episode, Memory, Situation, Step

MODULE = "memory_design"
_CLASS_OWN = frozenset({"__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__slots__"})
_CODE = (types.FunctionType, staticmethod, classmethod, property, types.MemberDescriptorType)


class Loaded:
    """A design's file as a module of its own."""

    def __init__(self, code: types.CodeType) -> None:
        self.code = code
        self.module = types.ModuleType(MODULE)
        self.enter()
        exec(code, self.module.__dict__)

    def enter(self) -> None:
        """Be the module that the design's name stands for."""
        sys.modules[MODULE] = self.module

    def design(self) -> type[Memory]:
        found = [
            value
            for value in vars(self.module).values()
            if isinstance(value, type) and issubclass(value, Memory) and value.__module__ == MODULE
        ]
        if not found:
            raise TypeError("the file defines no subclass of alma.memory.Memory")
        return found[-1]


class Snapshot:
    """A memory as it stood, with its module's state. Raises what pickle raises when it can't be copied."""

    def __init__(self, loaded: Loaded, memory: Memory, host: Any) -> None:
        self._code, self._host = loaded.code, host
        buffer = io.BytesIO()
        pickler = _Pickler(buffer, loaded.module, host)
        pickler.dump((memory, _globals(loaded.module), _attributes(loaded.module)))
        self._data, self._shared = buffer.getvalue(), pickler.shared
        self.thaw()

    def thaw(self) -> tuple[Loaded, Memory]:
        """A copy in a module of its own."""
        loaded = Loaded(self._code)
        memory, values, attributes = _Unpickler(self._data, loaded.module, self._host, self._shared).load()
        for name in [name for name in vars(loaded.module) if name not in values and _is_state(loaded, name)]:
            del vars(loaded.module)[name]
        vars(loaded.module).update(values)
        for owner, names in attributes:
            for name, value in names.items():
                setattr(owner, name, value)
        return loaded, memory


def _is_state(loaded: Loaded, name: str) -> bool:
    return not name.startswith("__") and not _is_code(vars(loaded.module)[name])


def _globals(module: types.ModuleType) -> dict[str, Any]:
    """The module's data. What running the file makes anyway (imports, functions, classes) is left to it."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("__") and not _is_code(value)
    }


def _is_code(value: Any) -> bool:
    return isinstance(value, (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)) or (
        # Decorated functions, such as those with a cache: the copy starts with an empty one.
        hasattr(value, "__wrapped__") or getattr(type(value), "__module__", "") == "typing"
    )


def _attributes(module: types.ModuleType) -> list[tuple[type, dict[str, Any]]]:
    """Classes of the file with the data that they hold."""
    found = []
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == MODULE:
            data = {
                name: item
                for name, item in vars(value).items()
                if name not in _CLASS_OWN and not name.startswith(("__", "_abc_")) and not _is_member(item)
            }
            if data and not hasattr(value, "__members__"):
                found.append((value, data))
    return found


def _is_member(item: Any) -> bool:
    """What a class's body makes anyway, such as a method."""
    return isinstance(item, _CODE) or hasattr(type(item), "__set_name__") or hasattr(item, "__wrapped__")


class _Pickler(pickle.Pickler):
    """The host's line is left out, records of the past are shared, functions without a name go by value."""

    def __init__(self, buffer: io.BytesIO, module: types.ModuleType, host: Any) -> None:
        super().__init__(buffer, protocol=5)
        self.shared: list[Any] = []
        self._index: dict[int, int] = {}
        self._module, self._host = module, host

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, (Episode, Step, Situation)):
            position = self._index.setdefault(id(obj), len(self.shared))
            if position == len(self.shared):
                self.shared.append(obj)
            return position
        if obj is self._host:
            return "host"
        return "globals" if obj is vars(self._module) else None

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, types.FunctionType) and self._is_nameless(obj):
            return self._function(obj)
        if isinstance(obj, types.ModuleType):
            if obj is self._module:
                return _this_module, ()
            return _module, (obj.__name__,)
        if isinstance(obj, types.CellType):
            try:
                return _cell, (), obj.cell_contents, None, None, _fill
            except ValueError:
                return _cell, ()
        return NotImplemented

    def _is_nameless(self, function: types.FunctionType) -> bool:
        if function.__module__ != MODULE:
            return False
        found: Any = self._module
        for part in function.__qualname__.split("."):
            found = getattr(found, part, None)
        return found is not function

    def _function(self, function: types.FunctionType) -> Any:
        if function.__globals__ is not vars(self._module):
            raise pickle.PicklingError(f"{function.__qualname__} belongs to no module of this design")
        code = marshal.dumps(function.__code__)
        state = (function.__defaults__, function.__kwdefaults__, dict(vars(function)))
        make: tuple[Any, ...] = (code, vars(self._module), function.__qualname__, function.__closure__)
        return _function, make, state, None, None, _finish


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, module: types.ModuleType, host: Any, shared: list[Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._module, self._host, self._shared = module, host, shared

    def persistent_load(self, pid: Any) -> Any:
        if pid == "host":
            return self._host
        return vars(self._module) if pid == "globals" else self._shared[pid]


def _module(name: str) -> types.ModuleType:
    return sys.modules[name]


def _this_module() -> types.ModuleType:
    return sys.modules[MODULE]


def _cell() -> types.CellType:
    return types.CellType()


def _fill(cell: types.CellType, value: Any) -> None:
    cell.cell_contents = value


def _function(
    code: bytes, values: dict[str, Any], name: str, closure: tuple[types.CellType, ...] | None
) -> Callable[..., Any]:
    made = types.FunctionType(marshal.loads(code), values, closure=closure)
    made.__qualname__ = name
    return made


def _finish(function: types.FunctionType, state: tuple[Any, Any, dict[str, Any]]) -> None:
    function.__defaults__, function.__kwdefaults__, attributes = state
    vars(function).update(attributes)
