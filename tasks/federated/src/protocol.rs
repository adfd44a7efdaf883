//! The rounds: in a session, and beside it in the clear.

use hexperiment_program::{InputId, OutputId};
use hexperiment_task::session::{KeyHolders, Sealed, Session};
use hexperiment_task::{Outcome, TaskError};
use ndarray::{Array1, Array2, s};

use crate::federation::Federation;
use crate::local::Parameters;
use crate::privacy::noise::NoiseSource;
use crate::update::{Updates, enough};

/// What the rounds left, by round.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    /// Rounds x parameters: the common model after each.
    pub(crate) models: Array2<f64>,
    /// Rounds x parameters: the common model of federated averaging in the clear, with the same noise.
    pub(crate) clear: Array2<f64>,
    /// Rounds x clients: exact bytes of each upload; 0 where there is none.
    pub(crate) bytes: Array2<f64>,
    /// Rounds x clients: ciphertexts of each upload.
    pub(crate) ciphertexts: Array2<f64>,
    /// Rounds x 1: number of updates, or gradients of records, that were clipped.
    pub(crate) clipped: Array2<f64>,
    /// Who can decrypt an update, as the scheme states it.
    pub(crate) key_holders: KeyHolders,
    /// 1 x 2: bytes of the zeros that stand in for absent clients, and of the models told in the clear.
    pub(crate) more_bytes: Array2<f64>,
}

impl Trace {
    fn new(rounds: usize, clients: usize, parameters: usize, key_holders: KeyHolders) -> Self {
        let by_client = Array2::zeros((rounds, clients));
        Self {
            models: Array2::zeros((rounds, parameters)),
            clear: Array2::zeros((rounds, parameters)),
            bytes: by_client.clone(),
            ciphertexts: by_client,
            clipped: Array2::zeros((rounds, 1)),
            key_holders,
            more_bytes: Array2::zeros((1, 2)),
        }
    }

    /// As the tables of an outcome.
    pub(crate) fn into_outcome(self) -> Outcome {
        Outcome {
            outputs: vec![
                self.models,
                self.clear,
                self.bytes,
                self.ciphertexts,
                self.clipped,
                self.more_bytes,
                Array2::from_elem((1, 1), number(self.key_holders)),
            ],
        }
    }

    /// From the tables of an outcome.
    pub(crate) fn of_outcome(outcome: &Outcome) -> Result<Self, TaskError> {
        let foreign = || {
            TaskError::Options(format!(
                "the outcome holds {} tables, expected those of a federation",
                outcome.outputs.len()
            ))
        };
        let [
            models,
            clear,
            bytes,
            ciphertexts,
            clipped,
            more_bytes,
            holders,
        ] = outcome.outputs.as_slice()
        else {
            return Err(foreign());
        };
        let stated = holders.first().copied();
        let key_holders = HOLDERS.into_iter().find(|h| Some(number(*h)) == stated);
        Ok(Self {
            models: models.clone(),
            clear: clear.clone(),
            bytes: bytes.clone(),
            ciphertexts: ciphertexts.clone(),
            clipped: clipped.clone(),
            more_bytes: more_bytes.clone(),
            key_holders: key_holders.ok_or_else(foreign)?,
        })
    }
}

/// All who may hold the key; one's place is its number in an outcome, whose tables hold numbers only.
const HOLDERS: [KeyHolders; 3] = [
    KeyHolders::KeyOwner,
    KeyHolders::DataOwners,
    KeyHolders::Server,
];

fn number(holders: KeyHolders) -> f64 {
    let place = HOLDERS.iter().position(|h| *h == holders);
    place.map_or(f64::NAN, |place| place as f64)
}

fn flat(parameters: &Parameters) -> Array1<f64> {
    parameters.iter().copied().collect()
}

impl Federation {
    /// All rounds. Parties: data owner 0 has the key, owners 1 and up hold the data.
    pub(crate) fn rounds(&self, session: &mut Session<'_>) -> Result<Trace, TaskError> {
        let (clients, parameters) = (self.shards.len(), self.start.len());
        let holders = session.key_holders();
        let mut trace = Trace::new(self.settings.rounds, clients, parameters, holders);
        let mut noise = match self.settings.privacy {
            Some(_) => Some(NoiseSource::new()?),
            None => None,
        };
        let stand_ins = self.stand_ins(session)?;
        trace.more_bytes[[0, 0]] = session.so_far().traffic.upload_bytes as f64;
        let (mut common, mut clear) = (self.start.clone(), self.start.clone());
        for (round, present) in self.schedule.iter().enumerate() {
            let mut sealed: Vec<Option<Sealed>> = Vec::with_capacity(clients);
            let mut sum = vec![0.0; self.updates.length(parameters)];
            for (client, shard) in self.shards.iter().enumerate() {
                if !present[client] {
                    sealed.push(None);
                    continue;
                }
                let mut added = vec![0.0; parameters];
                let updates = &self.updates;
                if let Some(source) = &mut noise {
                    source.add(&mut added, updates.deviation, updates.reach());
                }
                let made = updates.contribution(client, round, shard, &common, &added)?;
                trace.clipped[[round, 0]] += made.clipped as f64;
                let in_clear = updates.contribution(client, round, shard, &clear, &added)?;
                for (s, x) in sum.iter_mut().zip(in_clear.vector) {
                    *s += x;
                }
                let upload = Self::upload(session, client, &made.vector)?;
                let sent = session.so_far().sent.get(&(client as u32 + 1));
                let sent = sent.copied().unwrap_or_default();
                let before = |table: &Array2<f64>| table.slice(s![..round, client]).sum();
                trace.bytes[[round, client]] = sent.bytes as f64 - before(&trace.bytes);
                trace.ciphertexts[[round, client]] =
                    sent.ciphertexts as f64 - before(&trace.ciphertexts);
                sealed.push(Some(upload));
            }
            if enough(&self.settings, present) {
                let aggregate = Self::aggregate(session, &sealed, &stand_ins)?;
                common = self.updates.apply(&common, &aggregate, present)?;
                clear = self.updates.apply(&clear, &sum, present)?;
                session.client().tell(parameters, clients);
            }
            trace.models.row_mut(round).assign(&flat(&common));
            trace.clear.row_mut(round).assign(&flat(&clear));
        }
        trace.more_bytes[[0, 1]] = session.so_far().told_bytes as f64;
        if let Some(unclipped) = &self.unclipped {
            session.clipped(&unclipped.moved, unclipped.error);
        }
        Ok(trace)
    }

    /// Where some drop out: zeros under the key, one for each client, which the server keeps.
    fn stand_ins(&self, session: &mut Session<'_>) -> Result<Vec<Sealed>, TaskError> {
        if self.schedule.iter().flatten().all(|p| *p) {
            return Ok(Vec::new());
        }
        let zeros = vec![0.0; self.updates.length(self.start.len())];
        let table = Updates::table(&zeros);
        (0..self.shards.len())
            .map(|client| {
                let mut owner = session.client();
                let sealed = owner.encrypt(InputId::from_index(client), table.view())?;
                // Zeros are no data.
                let sealed = sealed.with_payload(0);
                owner.send(&sealed)?;
                Ok(sealed)
            })
            .collect()
    }

    /// A client encrypts its vector and sends it.
    fn upload(
        session: &mut Session<'_>,
        client: usize,
        vector: &[f64],
    ) -> Result<Sealed, TaskError> {
        let mut owner = session.data_owner(client as u32 + 1);
        let table = Updates::table(vector);
        let sealed = owner.encrypt(InputId::from_index(client), table.view())?;
        owner.send(&sealed)?;
        Ok(sealed)
    }

    /// The server adds, the key owner decrypts the sum.
    fn aggregate(
        session: &mut Session<'_>,
        sealed: &[Option<Sealed>],
        stand_ins: &[Sealed],
    ) -> Result<Vec<f64>, TaskError> {
        let held = sealed.iter().enumerate();
        let held = held.filter_map(|(k, sealed)| sealed.as_ref().or(stand_ins.get(k)));
        let outputs = session.server().evaluate(&held.collect::<Vec<_>>())?;
        let table = session
            .client()
            .decrypt(OutputId::from_index(0), &outputs[0])?;
        Ok(table.column(0).to_vec())
    }
}
