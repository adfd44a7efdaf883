//! The safe layer against clear arithmetic.

use super::*;

struct Kit {
    context: Context,
    generator: KeyGenerator,
    encoder: Encoder,
    encryptor: Encryptor,
    decryptor: Decryptor,
    evaluator: Evaluator,
}

const SCALE: f64 = (1_u64 << 40) as f64;

fn kit(degree: usize, bits: &[u32]) -> Kit {
    let context = Context::new(degree, bits, 128).unwrap();
    let generator = KeyGenerator::new(&context).unwrap();
    let public = generator.public_key(&context).unwrap();
    let public = PublicKey::read(&context, &public).unwrap();
    let secret = generator.secret_key().unwrap();
    Kit {
        encoder: Encoder::new(&context).unwrap(),
        encryptor: Encryptor::new(&context, &public).unwrap(),
        decryptor: Decryptor::new(&context, &secret).unwrap(),
        evaluator: Evaluator::new(&context).unwrap(),
        generator,
        context,
    }
}

impl Kit {
    fn encrypt(&self, values: &[f64]) -> Ciphertext {
        let plain = self
            .encoder
            .encode(values, self.context.levels()[0], SCALE)
            .unwrap();
        self.encryptor.encrypt(&plain).unwrap()
    }

    fn galois(&self, steps: i32) -> SwitchKeys {
        self.galois_for(steps, self.context.levels().len())
    }

    /// For ciphertexts of so many primes.
    fn galois_for(&self, steps: i32, primes: usize) -> SwitchKeys {
        let key = self
            .generator
            .galois_key(&self.context, steps, primes)
            .unwrap();
        let place = Place::rotation(&self.context, steps);
        SwitchKeys::read(&self.context, place, primes, &key).unwrap()
    }

    fn decrypt(&self, ciphertext: &Ciphertext) -> Vec<f64> {
        let plain = self.decryptor.decrypt(ciphertext).unwrap();
        self.encoder.decode(&plain, self.context.slots()).unwrap()
    }

    #[track_caller]
    fn check(&self, got: &Ciphertext, expect: impl Fn(usize) -> f64) {
        for (i, x) in self.decrypt(got).into_iter().enumerate().take(100) {
            assert!(
                (x - expect(i)).abs() < 1e-5,
                "slot {i}: got {x}, expected {}",
                expect(i)
            );
        }
    }
}

#[test]
fn every_operation_is_its_clear_one() {
    let kit = kit(8192, &[60, 40, 40, 60]);
    let n = kit.context.slots();
    let x: Vec<f64> = (0..n).map(|i| (i % 37) as f64 / 37.0 - 0.5).collect();
    let y: Vec<f64> = (0..n).map(|i| (i % 11) as f64 / 5.0 - 1.0).collect();
    let (a, b) = (kit.encrypt(&x), kit.encrypt(&y));
    let e = &kit.evaluator;
    let top = kit.context.levels()[0];
    kit.check(&a, |i| x[i]);
    kit.check(&e.negate(&a).unwrap(), |i| -x[i]);
    kit.check(&e.add(&a, &b).unwrap(), |i| x[i] + y[i]);
    kit.check(&e.sub(&a, &b).unwrap(), |i| x[i] - y[i]);
    let plain = kit.encoder.encode(&y, top, SCALE).unwrap();
    kit.check(&e.add_plain(&a, &plain).unwrap(), |i| x[i] + y[i]);
    let product = e.multiply_plain(&a, &plain).unwrap();
    kit.check(&e.rescale(&product).unwrap(), |i| x[i] * y[i]);
    let scalar = kit.encoder.encode_scalar(-1.5, top, SCALE).unwrap();
    kit.check(
        &e.rescale(&e.multiply_plain(&a, &scalar).unwrap()).unwrap(),
        |i| -1.5 * x[i],
    );
    let primes = kit.context.levels().len();
    let relin = kit.generator.relinearization_key(&kit.context, primes);
    let relin = relin.unwrap();
    let place = Place::RELINEARIZATION;
    let relin = SwitchKeys::read(&kit.context, place, primes, &relin).unwrap();
    let product = e.relinearize(e.multiply(&a, &b).unwrap(), &relin).unwrap();
    kit.check(&e.rescale(&product).unwrap(), |i| x[i] * y[i]);
    let square = e.relinearize(e.square(&a).unwrap(), &relin).unwrap();
    kit.check(&e.rescale(&square).unwrap(), |i| x[i] * x[i]);
    let third = kit.galois(3);
    kit.check(&e.rotate(&a, 3, &third).unwrap(), |i| x[(i + 3) % n]);
    let back = kit.galois(-5);
    kit.check(&e.rotate(&a, -5, &back).unwrap(), |i| x[(i + n - 5) % n]);
    let low = e
        .switch_to(&a, *kit.context.levels().last().unwrap())
        .unwrap();
    kit.check(&low, |i| x[i]);
}

/// A key of a few primes switches ciphertexts that have no more; others it destroys.
#[test]
fn keys_serve_the_levels_that_they_are_for() {
    let kit = kit(8192, &[50, 40, 40, 60]);
    let x: Vec<f64> = (0..4096).map(|i| f64::from(i % 13) / 8.0 - 0.5).collect();
    let top = kit.encrypt(&x);
    for primes in 1..=3 {
        let key = kit.galois_for(3, primes);
        let level = kit.context.levels()[3 - primes];
        let low = kit.evaluator.switch_to(&top, level).unwrap();
        kit.check(&kit.evaluator.rotate(&low, 3, &key).unwrap(), |i| {
            x[(i + 3) % 4096]
        });
    }
    let short = kit.galois_for(3, 2);
    let lost = kit.decrypt(&kit.evaluator.rotate(&top, 3, &short).unwrap());
    assert!((lost[0] - x[3]).abs() > 1.0);
}

#[test]
fn errors_are_seen_though_they_are_positive() {
    let kit = kit(8192, &[60, 40, 60]);
    let a = kit.encrypt(&[1.0, 2.0]);
    let low = kit
        .evaluator
        .switch_to(&a, kit.context.levels()[1])
        .unwrap();
    assert!(kit.evaluator.add(&a, &low).is_err(), "two levels");
    let galois = kit.galois(1);
    assert!(kit.evaluator.rotate(&a, 2, &galois).is_err(), "no such key");
    let zero = kit
        .encoder
        .encode_scalar(0.0, kit.context.levels()[0], SCALE)
        .unwrap();
    assert!(
        kit.evaluator.multiply_plain(&a, &zero).is_err(),
        "transparent"
    );
    assert!(Context::new(4096, &[60, 60, 60], 128).is_err(), "insecure");
    assert!(
        Context::new(4096, &[60, 60, 60], 0).is_ok(),
        "insecure on demand"
    );
}

#[test]
fn residues_are_all_of_a_ciphertext() {
    let kit = kit(8192, &[60, 40, 60]);
    let x = [1.0, -2.0, 3.5];
    let residues = kit.encrypt(&x).residues(&kit.context).unwrap();
    let back = |r: &[u64]| Ciphertext::from_residues(&kit.context, 0, SCALE, r);
    kit.check(&back(&residues).unwrap(), |i| {
        x.get(i).copied().unwrap_or(0.0)
    });
    let mut wild = residues.clone();
    wild[8192] = kit.context.primes()[1];
    assert!(back(&wild).is_err(), "a residue as large as its prime");
    assert!(back(&residues[1..]).is_err(), "one too few");
    let other = Context::new(8192, &[60, 30, 60], 128).unwrap();
    assert!(
        kit.encrypt(&x).residues(&other).is_err(),
        "other parameters"
    );
}

#[test]
fn threads_share_everything() {
    let kit = kit(8192, &[60, 40, 60]);
    std::thread::scope(|scope| {
        for t in 0..4 {
            let kit = &kit;
            scope.spawn(move || {
                for k in 0..4 {
                    let v = f64::from(t * 10 + k);
                    let a = kit.encrypt(&[v, -v]);
                    kit.check(&kit.evaluator.add(&a, &a).unwrap(), |i| {
                        [2.0 * v, -2.0 * v].get(i).copied().unwrap_or(0.0)
                    });
                }
            });
        }
    });
}
