//! What the secrets of each scheme look like in memory and in records.

use hexperiment_program::InputId;
use ndarray::Array2;
use rug::Integer;
use rug::integer::Order;

use super::client_keys::{self, Ring};
use super::search::Search;
use super::{Conversation, ROWS, TWINS};

/// What is looked for: the secret, and beside it what must be found where the search is sound.
pub struct Sought {
    pub secret: Search,
    /// The secret, or one of its numbers, as it lies in the client's memory.
    pub raw: Vec<u8>,
    /// What the server holds besides: the program's name, and ciphertexts as it keeps them.
    pub control: Search,
    /// The numbers of the client.
    pub numbers: Search,
}

/// What is looked for in the server of a scheme that was said this.
pub fn sought(scheme: &str, name: &str, conversation: &Conversation) -> Sought {
    let (mut secret, mut control) = (Search::new(), Search::new());
    control.bytes("the program's name", name.as_bytes());
    let raw = match scheme {
        "plaintext" => {
            control.bytes("ciphertexts", &conversation.upload());
            vec![]
        }
        "fernet" => {
            control.bytes("ciphertexts", &conversation.upload());
            fernet(&mut secret, conversation)
        }
        "paillier" => {
            control.bytes("ciphertexts", &conversation.upload()[40..]);
            control.bytes("the modulus", &conversation.sent[0]);
            paillier(&mut secret, conversation)
        }
        "seal-ckks" => {
            let ring = ring(conversation);
            let [uploaded, _] = first_residues(&ring, &whole(conversation, &conversation.upload()));
            control.bytes("ciphertexts", &little_endian(&uploaded));
            seal(&mut secret, &ring, conversation)
        }
        "tfhe" => {
            // The header, a seed, one body after the other.
            control.bytes("ciphertexts", &conversation.upload()[25..]);
            tfhe(&mut secret, conversation)
        }
        other => panic!("{other}"),
    };
    let mut numbers = Search::new();
    for x in conversation
        .tables
        .iter()
        .chain([&conversation.truth])
        .flatten()
    {
        numbers.bytes("numbers", &x.to_le_bytes());
        numbers.bytes("numbers", &x.to_be_bytes());
    }
    Sought {
        secret,
        raw,
        control,
        numbers,
    }
}

fn little_endian(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The shared key, as it crosses and as it is used.
fn fernet(search: &mut Search, conversation: &Conversation) -> Vec<u8> {
    let text = &conversation.sent[0];
    search.bytes("shared key, in base64", text);
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |c: &u8| digits.iter().position(|d| d == c).unwrap_or(0) as u32;
    let four = |text: &[u8]| {
        text.iter()
            .fold(0, |all, c| all << 6 | digit(c))
            .to_be_bytes()
    };
    let key = text.chunks(4).flat_map(|text| four(text)[1..].to_vec());
    let key: Vec<u8> = key.take(32).collect();
    search.bytes("shared key, of HMAC", &key[..16]);
    search.bytes("shared key, of AES", &key[16..]);
    key
}

/// The factors of the modulus, and what a decryptor computes of them.
fn paillier(search: &mut Search, conversation: &Conversation) -> Vec<u8> {
    let modulus = Integer::from_digits(&conversation.sent[0], Order::Lsf);
    let [p, q] = client_keys::factors(&modulus);
    let raw = p.to_digits::<u8>(Order::Lsf);
    let phi = Integer::from(&p - 1) * Integer::from(&q - 1);
    let lambda = Integer::from(&p - 1).lcm(&Integer::from(&q - 1));
    let inverse = |x: &Integer, of: &Integer| x.clone().invert(of).unwrap();
    // The upper half of phi is that of the modulus.
    let half = modulus.significant_bits() / 2 - 64;
    for (name, number) in [
        ("p^2", p.clone().square()),
        ("q^2", q.clone().square()),
        ("1 / q mod p", inverse(&q, &p)),
        ("1 / p mod q", inverse(&p, &q)),
        ("-1 / q mod p", inverse(&Integer::from(-&q), &p)),
        ("-1 / p mod q", inverse(&Integer::from(-&p), &q)),
        ("1 / phi mod n", inverse(&phi, &modulus)),
        ("1 / lambda mod n", inverse(&lambda, &modulus)),
        ("phi", phi.keep_bits(half)),
        ("lambda", lambda.keep_bits(half)),
        ("p", p),
        ("q", q),
    ] {
        for order in [Order::Lsf, Order::Msf] {
            search.bytes(name, &number.to_digits::<u8>(order));
        }
        search.bytes(name, &little_endian(&number.to_digits::<u64>(Order::Msf)));
    }
    raw
}

fn ring(conversation: &Conversation) -> Ring {
    let chosen = &conversation.circuit.parameters().chosen;
    let chosen = |name: &str| {
        &chosen
            .iter()
            .find(|(key, _)| key.starts_with(name))
            .unwrap()
            .1
    };
    let bits = chosen("prime bits")
        .split(' ')
        .map(|bits| bits.parse().unwrap());
    Ring::new(
        chosen("ring degree").parse().unwrap(),
        &bits.collect::<Vec<u32>>(),
    )
}

/// A fresh ciphertext with both polynomials, of which the second has crossed as a seed.
fn whole(conversation: &Conversation, bytes: &[u8]) -> Vec<u8> {
    let expanded = conversation.circuit.load(bytes).unwrap();
    expanded.to_bytes().unwrap()
}

/// The residues modulo the first prime of both polynomials of the one ciphertext in `bytes`.
fn first_residues(ring: &Ring, bytes: &[u8]) -> [Vec<u64>; 2] {
    let body = &bytes[48..];
    [body, &body[body.len() / 2..]].map(|packed| {
        let bits = 64 - ring.primes[0].leading_zeros() as usize;
        let bit = |at: usize| u64::from(packed[at / 8] >> (at % 8) & 1);
        let residue = |i: usize| (0..bits).fold(0, |x, j| x | bit(i * bits + j) << j);
        (0..ring.degree).map(residue).collect()
    })
}

/// The secret polynomial, as SEAL keeps it, packed as keys cross, and its coefficients in several forms.
fn seal(search: &mut Search, ring: &Ring, conversation: &Conversation) -> Vec<u8> {
    let zeros = Array2::zeros((ROWS, 1));
    let zeros = conversation
        .client
        .encryptor
        .encrypt(InputId::from_index(0), zeros.view());
    let zeros = zeros.unwrap().to_bytes().unwrap();
    let zeros = first_residues(ring, &whole(conversation, &zeros));
    let secret = ring.secret(&zeros);
    search.bytes("residues", &little_endian(&secret.residues));
    for (residues, prime) in secret.residues.chunks(ring.degree).zip(&ring.primes) {
        let bits = 64 - prime.leading_zeros() as usize;
        let bit = |at: usize| (residues[at / bits] >> (at % bits) & 1) as u8;
        let byte = |i: usize| (0..8).fold(0, |byte, j| byte | bit(8 * i + j) << j);
        let packed: Vec<u8> = (0..residues.len() * bits / 8).map(byte).collect();
        search.bytes("residues, packed", &packed);
        let modulo = |x: i8| i64::from(x).rem_euclid(prime.cast_signed()).to_le_bytes();
        search.ternary("coefficients modulo a prime", &secret.ternary, modulo);
    }
    let key = &secret.ternary;
    search.ternary("coefficients, in words", key, |x| {
        i64::from(x).to_le_bytes()
    });
    search.ternary("coefficients, in half words", key, |x| {
        i32::from(x).to_le_bytes()
    });
    search.ternary("coefficients, in bytes", key, i8::to_le_bytes);
    little_endian(&secret.residues)
}

/// The key that encrypts and decrypts. That between key switch and bootstrap is gone from the client when its
/// keys are made; `scheme-tfhe` holds what is sent against it.
fn tfhe(search: &mut Search, conversation: &Conversation) -> Vec<u8> {
    const DIMENSION: usize = 2048;
    let result = conversation.result();
    let words = &result[9..];
    // The highest bytes of each word.
    let kept = words.len() / (ROWS * (DIMENSION + 1));
    let word = |bytes: &[u8]| {
        let high = bytes
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
        high << (64 - 8 * kept)
    };
    let words: Vec<u64> = words.chunks(kept).map(word).collect();
    let ciphertexts = words.chunks(DIMENSION + 1).take(TWINS).map(<[_]>::to_vec);
    let ciphertexts: Vec<Vec<u64>> = ciphertexts.collect();
    let key = client_keys::binary_key(DIMENSION, &ciphertexts);
    search.bits("secret key", &key);
    key.iter()
        .flat_map(|bit| u64::from(*bit).to_le_bytes())
        .collect()
}
