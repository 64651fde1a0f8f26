"""Names of C++ functions: sound ones against what they stand for, damaged ones under AddressSanitizer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from c_harness import build_harness

NAMES = {
    "main": "-",
    "_Z1fv": "f()",
    "_Z1fic": "f(int, char)",
    "_ZN2ns1C1fEv": "ns::C::f()",
    "_ZNK2ns1C1fEPKc": "ns::C::f(char const*) const",
    "_ZN2ns1CC1Ei": "ns::C::C(int)",
    "_ZN2ns1CD2Ev": "ns::C::~C()",
    "_ZN12_GLOBAL__N_11fEv": "(anonymous namespace)::f()",
    "_Z3maxIiET_S0_S0_": "int max<int>(int, int)",
    "_ZSt4moveIRiEONSt16remove_referenceIT_E4typeEOS2_": "std::remove_reference<int&>::type&& std::move<int&>(int&)",
    "_ZN1AplERKS_": "A::operator+(A const&)",
    "_ZN1AcvbEv": "A::operator bool()",
    "_Z1fPFivE": "f(int (*)())",
    "_Z1fRA10_c": "f(char (&) [10])",
    "_Z1fM1AFviE": "f(void (A::*)(int))",
    "_ZTV1A": "vtable for A",
    "_ZThn8_N1A1fEv": "non-virtual thunk to A::f()",
    "_ZNSt6vectorIiSaIiEE9push_backERKi": "std::vector<int, std::allocator<int> >::push_back(int const&)",
    "_ZN1BILj3ELb1EE1gEv": "B<3u, true>::g()",
    "_ZZ4mainENKUlvE_clEv": "main::{lambda()#1}::operator()() const",
    "_Z1fv.cold": "f() [.cold]",
    "_Z1fz": "f(...)",
    "_Z": "-",
    "_ZN": "-",
    "_Z99999999f": "-",
}


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_harness(tmp_path_factory.mktemp("cxx"), "cxx_names", ("cxx_name", "cxx_piece", "util", "str"))


def test_names(tool: Path) -> None:
    done = subprocess.run([tool], input="\n".join(NAMES) + "\n", capture_output=True, text=True, check=True)
    assert dict(zip(NAMES, done.stdout.splitlines(), strict=True)) == NAMES


def test_damaged_names(tool: Path) -> None:
    text = "\n".join(name for name in NAMES if name.startswith("_Z")) + "\n"
    subprocess.run([tool, "20000"], input=text, text=True, check=True, timeout=120)
