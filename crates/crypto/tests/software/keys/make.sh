#!/bin/sh
# Makes the private keys that the tests take in, with OpenSSL 3: an implementation other than ours.
# NAME.der is the private key in PKCS#8 (unless the name says otherwise), NAME.pub its public half.
set -eu
cd "$(dirname "$0")"

key() { # NAME, then arguments of genpkey
    name=$1
    shift
    openssl genpkey "$@" 2>/dev/null | openssl pkcs8 -topk8 -nocrypt -outform DER -out "$name.der"
}
public() { # NAME
    openssl pkey -in "$1.der" -inform DER -pubout -outform DER -out "$1.pub"
}
rsa() { # NAME BITS, then more options
    name=$1
    bits=$2
    shift 2
    key "$name" -algorithm RSA -pkeyopt "rsa_keygen_bits:$bits" "$@"
}
ec() { # NAME CURVE ENCODING
    key "$1" -algorithm EC -pkeyopt "ec_paramgen_curve:$2" -pkeyopt "ec_param_enc:$3"
}

rsa rsa-2048 2048
rsa rsa-2048-e3 2048 -pkeyopt rsa_keygen_pubexp:3
rsa rsa-2048-three-primes 2048 -pkeyopt rsa_keygen_primes:3
rsa rsa-2056 2056
rsa rsa-1024 1024
key rsa-pss-2048 -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048
ec p256 P-256 named_curve
ec p384 P-384 named_curve
ec p521 P-521 named_curve
ec p256k secp256k1 named_curve
ec p224 P-224 named_curve
ec p256-explicit P-256 explicit
key ed25519 -algorithm ED25519
for name in rsa-2048 rsa-2048-e3 p256 p384 p521 p256k; do public $name; done

for name in p256 p256k; do
    openssl ec -in $name.der -inform DER -no_public -outform PEM 2>/dev/null |
        openssl pkcs8 -topk8 -nocrypt -outform DER -out $name-without-point.der
done
openssl rsa -in rsa-2048.der -inform DER -traditional -outform DER -out rsa-2048-pkcs1.der \
    2>/dev/null
for name in p256 p521 p256k; do
    openssl ec -in $name.der -inform DER -outform DER -out $name-sec1.der 2>/dev/null
done
openssl pkcs8 -topk8 -in p256.der -inform DER -outform DER -passout pass:x -out p256-encrypted.der
chmod 644 ./*.der
