"""Machine code of kernels: from LLVM's language to bytes that can be kept, and from them to a callable.

    code = machine_code(text, entry, parameters)     text of a module that defines ``int32 entry(...)``
    function = load(code)                            a builtin of so many integers, which gives one

The bytes are an object file for this processor. It needs nothing of the compiler that made the text: a
process that finds its kernels in the cache links them in some milliseconds, and never imports numba.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any, Final, cast

from llvmlite import binding as llvm

__all__ = ["link", "load", "machine_code", "target_machine"]

CALL: Final = "mm_call"
"""What Python calls; every object file defines it."""

FAILED: Final = "a kernel was about to leave its memory"
"""What the IndexError of a kernel says: the range check is all that raises in kernels."""

_PYTHON: Final = (
    "PyErr_BadArgument",
    "PyErr_Occurred",
    "PyErr_SetString",
    "PyLong_AsLongLong",
    "PyLong_FromLongLong",
)
_FASTCALL: Final = 0x80  # METH_FASTCALL: function(self, pointer to the arguments, their number)


class _Method(ctypes.Structure):
    """Python's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def machine_code(text: str, entry: str, parameters: int) -> bytes:
    """The object file of a module in LLVM's language.

    ``entry`` is called as numba's functions are: (address of the result, address of an error, int64s), 0 for
    success. Raises RuntimeError where LLVM does not accept the text.
    """
    target = target_machine(3)
    module = llvm.parse_assembly(f"{text}\n{_call_text(entry, parameters)}")
    module.verify()
    return target.emit_object(module)


def load(code: bytes, name: str = "kernel") -> Callable[..., int]:
    """Link an object file. What it gives raises TypeError for anything but the right number of integers,
    OverflowError for those beyond int64, IndexError where a checked kernel leaves its memory.
    """
    engine = link(code)
    method = _Method(name.encode(), engine.get_function_address(CALL), _FASTCALL, None)
    _kept.append((engine, method))
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.argtypes, make.restype = (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p), ctypes.py_object
    return cast("Callable[..., int]", make(ctypes.addressof(method), IndexError, None))


def link(code: bytes) -> llvm.ExecutionEngine:
    """An engine that owns the functions of an object file, which are called at their addresses."""
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine(3))
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


_kept: list[tuple[Any, _Method]] = []
"""Code and its descriptions, which are called by address: they stay as long as the process."""


def target_machine(opt: int) -> llvm.TargetMachine:
    """Of this processor."""
    _prepare()
    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # LLVM cannot tell them on this processor
        features = ""
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=opt, jit=True
    )


@cache
def _prepare() -> None:
    """Make LLVM ready for this processor; tell it where code finds what it calls, on every system."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for name in _PYTHON:
        llvm.add_symbol(name, _address(getattr(ctypes.pythonapi, name)))
    for name, function in (
        ("memmove", ctypes.memmove),
        ("memcpy", ctypes.memmove),
        ("memset", ctypes.memset),
    ):
        llvm.add_symbol(name, _address(function))


def _address(function: Any) -> int:
    return cast(int, ctypes.cast(function, ctypes.c_void_p).value)


def _call_text(entry: str, parameters: int) -> str:
    """The function that Python calls, in LLVM's language: numbers out of objects, the entry, its result.

    ``self`` is the class of the error for a status that is not 0.
    """
    numbers = "".join(_number_text(k) for k in range(parameters))
    given = "".join(f", i64 %v{k}" for k in range(parameters))
    failed = FAILED.encode()
    return f"""
declare i32 @PyErr_BadArgument()
declare ptr @PyErr_Occurred()
declare void @PyErr_SetString(ptr, ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare ptr @PyLong_FromLongLong(i64)
@mm_failed = private constant [{len(failed) + 1} x i8] c"{FAILED}\\00"

define ptr @{CALL}(ptr %self, ptr %objects, i64 %count) {{
  %result = alloca i64
  %error = alloca ptr
  %fits = icmp eq i64 %count, {parameters}
  br i1 %fits, label %number0, label %misfit
misfit:
  %ignored = call i32 @PyErr_BadArgument()
  br label %refused
refused:
  ret ptr null
{numbers}number{parameters}:
  %status = call i32 @{entry}(ptr %result, ptr %error{given})
  %done = icmp eq i32 %status, 0
  br i1 %done, label %good, label %failed
failed:
  call void @PyErr_SetString(ptr %self, ptr @mm_failed)
  br label %refused
good:
  %value = load i64, ptr %result
  %object = call ptr @PyLong_FromLongLong(i64 %value)
  ret ptr %object
}}
"""


def _number_text(k: int) -> str:
    """The ``k``-th argument as ``%vk``; -1 may be a number, or say that there is none."""
    return f"""number{k}:
  %p{k} = getelementptr ptr, ptr %objects, i64 {k}
  %o{k} = load ptr, ptr %p{k}
  %v{k} = call i64 @PyLong_AsLongLong(ptr %o{k})
  %m{k} = icmp eq i64 %v{k}, -1
  br i1 %m{k}, label %doubt{k}, label %number{k + 1}
doubt{k}:
  %e{k} = call ptr @PyErr_Occurred()
  %n{k} = icmp eq ptr %e{k}, null
  br i1 %n{k}, label %number{k + 1}, label %refused
"""
