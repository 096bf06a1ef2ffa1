//! What aws-lc-rs does not offer, by the functions of AWS-LC itself: RSA keys with an exponent of
//! the caller's choice, RSASSA-PKCS1-v1_5 without a DigestInfo, and AES key wrap with every size
//! of key.
//!
//! The only file with `unsafe` code. No pointer leaves it: every function takes and returns bytes.
#![allow(unsafe_code)]

use std::os::raw::{c_int, c_uint};
use std::ptr::{self, NonNull};

use aws_lc_sys as lc;

use crate::{CryptoError, SecretBytes};

/// An object of AWS-LC, freed when dropped. Freeing clears private integers.
struct Owned<T>(NonNull<T>, unsafe extern "C" fn(*mut T));

impl<T> Owned<T> {
    /// Takes an object over; `None` if it is null.
    ///
    /// # Safety
    /// `object` is null, or alive without another owner; `free` is the function that AWS-LC frees
    /// it with.
    unsafe fn new(object: *mut T, free: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        NonNull::new(object).map(|object| Self(object, free))
    }

    fn get(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the object is not null, was not freed before since only `drop` frees it, and
        // `new` was given the function that frees objects of this type.
        unsafe { (self.1)(self.0.as_ptr()) }
    }
}

fn big_number(bytes: &[u8]) -> Option<Owned<lc::BIGNUM>> {
    // SAFETY: the pointer and length are those of a slice, which is only read; a null result
    // parameter asks for a new number, which nobody else owns.
    let number = unsafe { lc::BN_bin2bn(bytes.as_ptr(), bytes.len(), ptr::null_mut()) };
    // SAFETY: the number is new, or null, and this is what frees numbers.
    unsafe { Owned::new(number, lc::BN_clear_free) }
}

/// Draws an RSA key: the RSAPrivateKey of RFC 8017 in DER.
pub(crate) fn rsa_generate(bits: u16, exponent: u32) -> Result<SecretBytes, CryptoError> {
    let e = big_number(&exponent.to_be_bytes()).ok_or(CryptoError::Internal)?;
    // SAFETY: takes nothing and returns a new key, or null; this is what frees RSA keys.
    let rsa = unsafe { Owned::new(lc::RSA_new(), lc::RSA_free) }.ok_or(CryptoError::Internal)?;
    // SAFETY: the key and the exponent are alive, the exponent is only read, and a null callback
    // is allowed.
    let done =
        unsafe { lc::RSA_generate_key_ex(rsa.get(), c_int::from(bits), e.get(), ptr::null_mut()) };
    if done != 1 {
        return Err(CryptoError::Key);
    }
    let (mut der, mut len) = (ptr::null_mut(), 0);
    // SAFETY: the key is alive; both results are written before the function returns 1.
    if unsafe { lc::RSA_private_key_to_bytes(&mut der, &mut len, rsa.get()) } != 1 {
        return Err(CryptoError::Internal);
    }
    // SAFETY: the function returned 1, so `der` points to `len` bytes, allocated for us.
    let copy = SecretBytes::new(unsafe { std::slice::from_raw_parts(der, len) }.to_vec());
    // SAFETY: `der` was allocated by AWS-LC for us and is not used again; freeing clears it.
    unsafe { lc::OPENSSL_free(der.cast()) };
    Ok(copy)
}

/// An RSA key that signs bytes with the padding of RSASSA-PKCS1-v1_5 and no DigestInfo.
pub(crate) struct RawSigner {
    key: Owned<lc::EVP_PKEY>,
    modulus_bytes: usize,
}

// SAFETY: AWS-LC allows a key to be used and freed by any thread.
unsafe impl Send for RawSigner {}
// SAFETY: AWS-LC allows several threads at once to use a key by functions that do not change it
// (openssl/evp.h), and signing is one of them: `sign` gives each call a context of its own.
unsafe impl Sync for RawSigner {}

impl RawSigner {
    /// Reads a key of `modulus_bytes` from PKCS#8.
    pub(crate) fn new(pkcs8: &[u8], modulus_bytes: usize) -> Option<Self> {
        let mut input = lc::CBS { data: pkcs8.as_ptr(), len: pkcs8.len() };
        // SAFETY: `input` describes a slice that lives until the end of this function and is only
        // read; the result is a new key, or null.
        let key = unsafe { lc::EVP_parse_private_key(&mut input) };
        // SAFETY: the key is new, or null, and this is what frees keys.
        let key = unsafe { Owned::new(key, lc::EVP_PKEY_free) }?;
        Some(Self { key, modulus_bytes })
    }

    /// Signs. The bytes leave room for the padding: 11 bytes.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, CryptoError> {
        // SAFETY: the key is alive, and the context takes a reference to it; a null engine is
        // allowed; the result is a new context, or null.
        let context = unsafe { lc::EVP_PKEY_CTX_new(self.key.get(), ptr::null_mut()) };
        // SAFETY: the context is new, or null, and this is what frees contexts.
        let context = unsafe { Owned::new(context, lc::EVP_PKEY_CTX_free) };
        let context = context.ok_or(CryptoError::Internal)?;
        let mut signature = vec![0; self.modulus_bytes];
        let mut len = signature.len();
        // SAFETY: the context is alive and ours alone, and initialized before the other two
        // calls; the pointers and lengths are those of two slices, of which the first is written
        // within `len`.
        let signed = unsafe {
            lc::EVP_PKEY_sign_init(context.get()) == 1
                && lc::EVP_PKEY_CTX_set_rsa_padding(context.get(), lc::RSA_PKCS1_PADDING) == 1
                && lc::EVP_PKEY_sign(
                    context.get(),
                    signature.as_mut_ptr(),
                    &mut len,
                    bytes.as_ptr(),
                    bytes.len(),
                ) == 1
        };
        if !signed || len != signature.len() {
            return Err(CryptoError::Internal);
        }
        Ok(signature)
    }
}

/// What a signature of a [`RawSigner`] signs; `None` if it is none of this key.
pub(crate) fn rsa_recover(n: &[u8], e: &[u8], signature: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; n.len()];
    let (n, e) = (big_number(n)?, big_number(e)?);
    // SAFETY: both numbers are alive and copied; the result is a new key, or null; this is what
    // frees RSA keys.
    let rsa = unsafe { Owned::new(lc::RSA_new_public_key(n.get(), e.get()), lc::RSA_free) }?;
    let mut len = 0;
    // SAFETY: the key is alive and used by this thread alone; the pointers and lengths are those
    // of two slices, of which the first is written within `bytes.len()`.
    let done = unsafe {
        lc::RSA_verify_raw(
            rsa.get(),
            &mut len,
            bytes.as_mut_ptr(),
            bytes.len(),
            signature.as_ptr(),
            signature.len(),
            lc::RSA_PKCS1_PADDING,
        )
    };
    (done == 1).then(|| {
        bytes.truncate(len);
        bytes
    })
}

/// The round keys of AES, cleared when dropped. Boxed, so that moving them leaves no copy behind.
struct RoundKeys(Box<lc::AES_KEY>);

type Expand = unsafe extern "C" fn(*const u8, c_uint, *mut lc::AES_KEY) -> c_int;

impl RoundKeys {
    /// For encryption or decryption, as `expand` says.
    fn new(key: &[u8], expand: Expand) -> Result<Self, CryptoError> {
        let bits = match key.len() {
            16 => 128,
            24 => 192,
            32 => 256,
            _ => return Err(CryptoError::Key),
        };
        let mut keys = Self(Box::new(lc::AES_KEY { rd_key: [0; 60], rounds: 0 }));
        // SAFETY: `expand` is one of AWS-LC's two key expansions; it reads `bits` / 8 bytes, which
        // is the length of `key`, and writes the round keys.
        if unsafe { expand(key.as_ptr(), bits, &mut *keys.0) } != 0 {
            return Err(CryptoError::Internal);
        }
        Ok(keys)
    }
}

impl Drop for RoundKeys {
    fn drop(&mut self) {
        // SAFETY: the pointer and length are those of the boxed structure, whose fields are plain
        // integers.
        unsafe { lc::OPENSSL_cleanse((&raw mut *self.0).cast(), size_of::<lc::AES_KEY>()) }
    }
}

/// AES key wrap (RFC 3394). The plaintext has a multiple of 8 bytes, and at least 16.
pub(crate) fn aes_wrap(key: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
    if plaintext.len() < 16 || !plaintext.len().is_multiple_of(8) {
        return Err(CryptoError::Length);
    }
    let keys = RoundKeys::new(key, lc::AES_set_encrypt_key)?;
    let mut wrapped = vec![0; plaintext.len() + 8];
    // SAFETY: reads `plaintext.len()` bytes of the plaintext and writes 8 more to `wrapped`, which
    // is so long; a null IV asks for the standard's.
    let len = unsafe {
        lc::AES_wrap_key(
            &*keys.0,
            ptr::null(),
            wrapped.as_mut_ptr(),
            plaintext.as_ptr(),
            plaintext.len(),
        )
    };
    if usize::try_from(len) == Ok(wrapped.len()) { Ok(wrapped) } else { Err(CryptoError::Length) }
}

/// Undoes [`aes_wrap`].
pub(crate) fn aes_unwrap(key: &[u8], wrapped: &[u8]) -> Result<SecretBytes, CryptoError> {
    if wrapped.len() < 24 || !wrapped.len().is_multiple_of(8) {
        return Err(CryptoError::Unauthentic);
    }
    let keys = RoundKeys::new(key, lc::AES_set_decrypt_key)?;
    let mut plaintext = SecretBytes::new(vec![0; wrapped.len() - 8]);
    // SAFETY: reads `wrapped.len()` bytes and writes 8 fewer to `plaintext`, which is so long; a
    // null IV asks for the standard's.
    let len = unsafe {
        lc::AES_unwrap_key(
            &*keys.0,
            ptr::null(),
            plaintext.expose_mut().as_mut_ptr(),
            wrapped.as_ptr(),
            wrapped.len(),
        )
    };
    if usize::try_from(len) == Ok(plaintext.len()) {
        Ok(plaintext)
    } else {
        Err(CryptoError::Unauthentic)
    }
}

/// AES key wrap with padding (RFC 5649) of one byte or more.
pub(crate) fn aes_wrap_padded(key: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
    if plaintext.is_empty() {
        return Err(CryptoError::Length);
    }
    let keys = RoundKeys::new(key, lc::AES_set_encrypt_key)?;
    let mut wrapped = vec![0; plaintext.len().next_multiple_of(8) + 8];
    let mut len = 0;
    // SAFETY: the pointers and lengths are those of two slices, of which the first is written
    // within `wrapped.len()`.
    let done = unsafe {
        lc::AES_wrap_key_padded(
            &*keys.0,
            wrapped.as_mut_ptr(),
            &mut len,
            wrapped.len(),
            plaintext.as_ptr(),
            plaintext.len(),
        )
    };
    if done == 1 && len == wrapped.len() { Ok(wrapped) } else { Err(CryptoError::Length) }
}

/// Undoes [`aes_wrap_padded`].
pub(crate) fn aes_unwrap_padded(key: &[u8], wrapped: &[u8]) -> Result<SecretBytes, CryptoError> {
    if wrapped.len() < 16 || !wrapped.len().is_multiple_of(8) {
        return Err(CryptoError::Unauthentic);
    }
    let keys = RoundKeys::new(key, lc::AES_set_decrypt_key)?;
    let mut plaintext = SecretBytes::new(vec![0; wrapped.len() - 8]);
    let mut len = 0;
    // SAFETY: the pointers and lengths are those of two slices, of which the first is written
    // within `plaintext.len()`.
    let done = unsafe {
        lc::AES_unwrap_key_padded(
            &*keys.0,
            plaintext.expose_mut().as_mut_ptr(),
            &mut len,
            plaintext.len(),
            wrapped.as_ptr(),
            wrapped.len(),
        )
    };
    if done != 1 {
        return Err(CryptoError::Unauthentic);
    }
    plaintext.truncate(len);
    Ok(plaintext)
}
