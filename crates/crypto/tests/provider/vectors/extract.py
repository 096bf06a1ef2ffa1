"""Makes the files beside it from pyca's `cryptography_vectors` and jwcrypto's tests: see SOURCE.md.

    pip download --no-deps cryptography-vectors==50.0.0 jwcrypto==1.6.1   (and unzip both)
    python3 extract.py CRYPTOGRAPHY_VECTORS_FOLDER JWCRYPTO_FOLDER

Values stay as they are published. Whole groups that no algorithm here takes are left out, and of
long files all but the first vectors of each group.
"""

import ast
import base64
import hashlib
import hmac
import json
import re
import sys
import types
from pathlib import Path

HERE = Path(__file__).parent
PYCA, JWCRYPTO = Path(sys.argv[1]), Path(sys.argv[2])


def blocks(path):
    """Yields (section lines, lines of one vector) of a CAVS response file."""
    section, block, fresh = [], [], False
    for line in (PYCA / path).read_text().splitlines() + [""]:
        line = line.strip()
        if line.startswith("#"):
            continue
        if line.startswith("["):
            section = [line] if not fresh else [*section, line]
            fresh = True
        elif line:
            block.append(line)
        elif block:
            yield section, block
            block, fresh = [], False


def write(name, origin, vectors):
    """Writes vectors, with a section's lines before the first of its vectors."""
    lines, last = [f"# From {origin}: see SOURCE.md."], None
    for section, block in vectors:
        if section != last:
            lines += ["", *section]
            last = section
        lines += ["", *block]
    (HERE / name).write_text("\n".join(lines) + "\n")


def first_of_each(vectors, count):
    seen = {}
    for section, block in vectors:
        key = tuple(section)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= count:
            yield section, block


def aes():
    for kind in ["GFSbox", "KeySbox", "VarKey", "VarTxt", "MMT"]:
        for bits in [128, 192, 256]:
            path = f"ciphers/AES/CBC/CBC{kind}{bits}.rsp"
            write(f"cavp/CBC{kind}{bits}.rsp", path, blocks(path))
    for bits in [128, 192, 256]:
        path = f"ciphers/AES/GCM/gcmDecrypt{bits}.rsp"
        fits = lambda s: "[IVlen = 96]" in s and "[Taglen = 128]" in s
        vectors = [(s, b) for s, b in blocks(path) if fits(s)]
        write(f"cavp/gcmDecrypt{bits}.rsp", path, vectors)
        for kind in ["KW_AE", "KW_AD", "KWP_AE", "KWP_AD"]:
            path = f"keywrap/kwtestvectors/{kind}_{bits}.txt"
            write(f"cavp/{kind}_{bits}.rsp", path, first_of_each(blocks(path), 20))


def rsa_signatures():
    path, vectors, key = "asymmetric/RSA/FIPS_186-2/SigVer15_186-3.rsp", [], {}
    for section, block in blocks(path):
        values = dict(re.split(r" *= *", line, maxsplit=1) for line in block)
        if "SHAAlg" not in values:
            key.setdefault(tuple(section), {}).update(values)
        elif values["SHAAlg"] in ("SHA256", "SHA384", "SHA512") and section[0][7:-1] >= "2048":
            values["e"] = values["e"].lstrip("0")
            values = {name: values[name] for name in ["SHAAlg", "e", "d", "Msg", "S", "Result"]}
            if values["Result"] != "P":
                del values["d"]
            values = {**key[tuple(section)], **values}
            if values["Result"] != "P":
                del values["p"], values["q"]
            vectors.append((section, [f"{n} = {v}" for n, v in values.items()]))
    write("cavp/SigVer15_186-3.rsp", path, [v for v in vectors if v[0][0] != "[mod = 1024]"])


def ecdsa():
    path = "asymmetric/ECDSA/FIPS_186-3/SigVer.rsp"
    fits = ["[P-256,SHA-256]", "[P-384,SHA-384]", "[P-521,SHA-512]"]
    write("cavp/SigVerECDSA_186-3.rsp", path, [(s, b) for s, b in blocks(path) if s[-1] in fits])
    path = "asymmetric/ECDSA/FIPS_186-3/PKV.rsp"
    fits = ["[P-256]", "[P-384]", "[P-521]"]
    write("cavp/PKV_186-3.rsp", path, [(s, b) for s, b in blocks(path) if s[-1] in fits])


NAMES = {
    "Modulus": "n", "Public exponent": "e", "Exponent": "d", "Prime 1": "p", "Prime 2": "q",
    "Prime exponent 1": "dp", "Prime exponent 2": "dq", "Coefficient": "qi",
    "Message": "M", "Message to be encrypted": "M", "Seed": "Seed", "Encryption": "C",
}


def rsa_encryption(name, path, start):
    """The vectors of a file where `# Name:` stands above lines of hexadecimal."""
    lines = (PYCA / path).read_text().splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith(start))
    key, vector, vectors, member = {}, {}, [], None
    for line in [*lines[begin:], "# Private key"]:
        if line.startswith("#"):
            title = line.lstrip("# ").rstrip(": ")
            if vector.get("C") and (title in ("Private key", "Public key") or "Example" in title):
                vectors.append(([], [f"{n} = {v}" for n, v in {**key, **vector}.items()]))
                vector = {}
            if title == "Private key":
                key = {}
            member = NAMES.get(title)
        elif member and line.strip():
            into = vector if member in ("M", "Seed", "C") else key
            into[member] = into.get(member, "") + line.replace(" ", "")
    write(name, path, vectors)


def constants(path):
    """Evaluates a module's assignments that need nothing but earlier ones."""
    values = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign):
            try:
                exec(compile(ast.Module([node], []), str(path), "exec"), values)
            except NameError:
                pass
    return types.SimpleNamespace(**values)


def b64(data):
    if isinstance(data, (list, bytes, bytearray)):
        return base64.urlsafe_b64encode(bytes(data)).rstrip(b"=").decode()
    return data


def jose():
    jws = constants(JWCRYPTO / "tests.py")
    book = constants(JWCRYPTO / "tests-cookbook.py")
    signed = [
        {"source": f"RFC 7515, A.{n}", "key": getattr(jws, f"A{n}_key"),
         "protected": b64(getattr(jws, f"A{n}_protected")),
         "payload": b64(getattr(jws, f"A{n}_payload")),
         "signature": b64(getattr(jws, f"A{n}_signature"))}
        for n in [2, 3, 4]
    ]
    keys = {1: "RSA_Private_Key_3_4", 2: "RSA_Private_Key_3_4", 3: "EC_Private_Key_3_2",
            4: "Symmetric_Key_MAC_3_5"}
    signed += [
        {"source": f"RFC 7520, 4.{n}", "key": getattr(book, key),
         "protected": getattr(book, f"JWS_Protected_Header_4_{n}_2"),
         "payload": book.Payload_plaintext_b64_4,
         "signature": getattr(book, f"JWS_Signature_4_{n}_2")}
        for n, key in keys.items()
    ]
    encrypted = [
        {"source": f"RFC 7516, A.{n}", "key": getattr(jws, f"E_A{n}_key"),
         "compact": getattr(jws, f"E_A{n}_vector"),
         "plaintext": b64(as_bytes(getattr(jws, f"E_A{n}_plaintext")))}
        for n in [1, 2, 3]
    ]
    keys = {1: ("RSA_key_5_1_1", 5), 2: ("RSA_key_5_2_1", 5), 6: ("AES_key_5_6_1", 4),
            7: ("AES_key_5_7_1", 5), 8: ("AES_key_5_8_1", 5)}
    encrypted += [
        {"source": f"RFC 7520, 5.{n}", "key": getattr(book, key),
         "compact": getattr(book, f"JWE_compact_5_{n}_{last}"),
         "plaintext": b64(book.Payload_plaintext_5)}
        for n, (key, last) in keys.items()
    ]
    text = json.dumps({"signed": signed, "encrypted": encrypted}, indent=1)
    (HERE / "jose.json").write_text(text + "\n")


def hmacs():
    """No published HMAC signs exactly a digest's length under an AES key's length: made here."""
    vectors = []
    for bits in [256, 384, 512]:
        for length in [16, 24, 32]:
            for number in range(4):
                drawn = hashlib.shake_256(f"{bits} {length} {number}".encode()).digest(96)
                key, message = drawn[:length], drawn[32 : 32 + bits // 8]
                tag = hmac.new(key, message, f"sha{bits}").hexdigest()
                vectors.append(([], [f"Algorithm = HS{bits}", f"Key = {key.hex()}",
                                     f"Msg = {message.hex()}", f"Tag = {tag}"]))
    write("independent/hmac.rsp", "Python's hmac", vectors)


def as_bytes(text):
    return text.encode() if isinstance(text, str) else bytes(text)


(HERE / "cavp").mkdir(exist_ok=True)
aes()
rsa_signatures()
ecdsa()
(HERE / "pkcs1").mkdir(exist_ok=True)
RSA = "asymmetric/RSA"
rsa_encryption("pkcs1/pkcs1v15crypt.rsp", f"{RSA}/pkcs1v15crypt-vectors.txt", "# Example 15: ")
rsa_encryption("pkcs1/oaep-sha1.rsp", f"{RSA}/pkcs-1v2-1d2-vec/oaep-vect.txt", "# Example 10: ")
OAEP = f"{RSA}/oaep-custom/oaep-sha256-sha256.txt"
rsa_encryption("pkcs1/oaep-sha256.rsp", OAEP, "# Example")
jose()
(HERE / "independent").mkdir(exist_ok=True)
hmacs()
