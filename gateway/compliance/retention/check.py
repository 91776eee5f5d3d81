"""Verifying an archive by what is in it: the manifest's signature, each file's hash, the seals, and what they seal.

A record that was changed, left out, put in or moved cannot come to the hash that a seal says; nor can a seal be other.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from gateway.compliance.audit.comparison import Finding, Found
from gateway.compliance.audit.keys import PublicKey
from gateway.compliance.audit.seals import Seal
from gateway.compliance.audit.streams import Chain, Sealed
from gateway.compliance.audit.wire import head_of
from gateway.compliance.retention.archive import (
    FORMAT,
    MANIFEST,
    SEALS,
    SIGNATURE,
    read_records,
    records_file,
    sha256_of,
    unpack,
    unpacked,
)
from gateway.wire.segments import LogReader, Problem


@dataclass(slots=True)
class Checked:
    """What an archive has. manifest: its SHA-256."""

    manifest: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    records: int = 0
    wire_records: int = 0
    findings: int = 0


def check_archive(directory: Path, key: PublicKey, found: Found) -> Checked:
    """Read all of it back. Never raises for what is in it."""
    return _Check(directory, key, found).run()


class _Check:
    def __init__(self, directory: Path, key: PublicKey, found: Found) -> None:
        self._directory, self._key, self._told = directory, key, found
        self._result = Checked()

    def run(self) -> Checked:
        try:
            if self._manifest() and self._files():
                seals = self._seals()
                for name, stream in self._result.fields["streams"].items():
                    self._stream(name, stream, seals)
                if self._result.fields["wire"] is not None:
                    self._wire(self._result.fields["wire"], seals)
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._finds("", f"cannot be read: {type(error).__name__}: {error}")
        return self._result

    def _manifest(self) -> bool:
        content = (self._directory / MANIFEST).read_bytes()
        self._result.manifest = sha256(content).hexdigest()
        signature = json.loads((self._directory / SIGNATURE).read_text(encoding="utf-8"))
        if not self._key.has_signed(content, bytes.fromhex(signature["signature"])):
            self._finds(MANIFEST, f"not signed by the key {self._key.key_id} (it says {signature['key_id']})")
            return False
        self._result.fields = json.loads(content)
        if self._result.fields["format"] != FORMAT:
            self._finds(MANIFEST, "written by another release")
            return False
        return True

    def _files(self) -> bool:
        """Whether they can be read on: those of a wrong hash may still tell which record it is."""
        listed = {file["name"]: file for file in self._result.fields["files"]}
        there = {path.name for path in self._directory.iterdir()} - {MANIFEST, SIGNATURE}
        for name in sorted(there - listed.keys()):
            self._finds(name, "not of this archive")
        for name in sorted(listed.keys() - there):
            self._finds(name, "missing")
        for name in sorted(listed.keys() & there):
            if sha256_of(self._directory / name) != listed[name]["sha256"]:
                self._finds(name, "changed: not the file that the manifest names")
        return not listed.keys() - there

    def _seals(self) -> list[Seal]:
        seals: list[Seal] = []
        fields = self._result.fields
        for line in unpacked(self._directory / SEALS):
            seal = Seal(**json.loads(line))
            if not self._key.has_signed(seal.content.encode(), bytes.fromhex(seal.signature)):
                self._finds(SEALS, f"seal {seal.number} is not signed by the key {self._key.key_id}")
            elif seal.fields["number"] != seal.number or seal.fields["day"] != fields["day"]:
                self._finds(SEALS, f"seal {seal.number} is another one")
            elif seals and seal.fields["previous"] != seals[-1].hash:
                self._finds(SEALS, f"seal {seal.number} does not follow from the one before it")
            seals.append(seal)
        ends = (seals[0].number, seals[-1].number) if seals else (0, 0)
        if ends != (fields["seals"]["first"], fields["seals"]["last"]) or not seals[-1].fields["closes_day"]:
            self._finds(SEALS, "they are not all of the day")
        elif seals[-1].fields["database"] != fields["database"]:
            self._finds(SEALS, "they are of another database")
        return seals

    def _stream(self, name: str, stream: dict[str, Any], seals: Sequence[Seal]) -> None:
        chain, total, last = Chain(bytes.fromhex(stream["hash_before"])), stream["total_before"], stream["after"]
        file, lines = records_file(name), read_records(self._directory, name)
        line = next(lines, None)
        for seal in seals:
            reached = seal.reached.get(name)
            if reached is None:
                continue
            while line is not None and line[0] <= reached.last:
                if line[0] <= last:
                    self._finds(file, f"{line[0]} comes after {last}")
                last = line[0]
                chain.add(Sealed(line[0], 0, sha256(line[1]).digest()))
                total += 1
                self._result.records += 1
                line = next(lines, None)
            if (chain.hash, total) != (reached.hash, reached.total):
                text = f"up to {reached.last}, above what the seal before has: not what seal {seal.number} was made of"
                self._finds(file, text)
                return
        if line is not None:
            self._finds(file, f"{line[0]} and what follows is of no seal of this day")
        if (stream["last"], stream["hash"], stream["total"]) != (last, chain.hash.hex(), total):
            self._finds(MANIFEST, f"{name}: not what the file comes to")

    def _wire(self, wire: dict[str, Any], seals: Sequence[Seal]) -> None:
        heads = {head["record"]: (seal.number, head["hash"]) for seal in seals if (head := head_of(seal)) is not None}
        with tempfile.TemporaryDirectory(dir=self._directory.parent, prefix=".unpacked-") as scratch:
            for name in wire["files"]:
                unpack(self._directory / name, Path(scratch) / name.removesuffix(".gz"))
            reader = LogReader(Path(scratch))
            for item in reader.read():
                if isinstance(item, Problem):
                    if not item.is_end:  # torn as it was written, which the next segment goes on from
                        self._finds(item.segment, f"at byte {item.offset}: {item.text}")
                    continue
                self._result.wire_records += 1
                known = heads.get(item.record.number)
                if known is not None and reader.last_hash is not None and reader.last_hash.hex() != known[1]:
                    self._finds(item.segment, f"record {item.record.number} is not what seal {known[0]} says")
        end = (reader.last_segment, reader.last_number, (reader.last_hash or b"").hex())
        if end != (wire["segment"], wire["record"], wire["hash"]):
            self._finds(MANIFEST, "the wire log does not end as it says")

    def _finds(self, where: str, text: str) -> None:
        self._result.findings += 1
        self._told(Finding(f"archive {self._directory.name}", where, text))
