//! One evaluation in the process of a job: keys and inputs are loaded, results are stored.

use std::io;
use std::time::Instant;

use hexperiment_program::OutputId;
use hexperiment_wire::{Handle, Measured, Ready};

use super::{storage, without_room};
use crate::api::{CiphertextsInfo, JobRequest, JobState, JobTimes, Loaded};
use crate::server::blobs::Hashed;
use crate::server::ledger::{Reservation, Room};
use crate::server::state::Service;
use crate::server::store::{JobRow, KeysRow, Table, now_s, on_disk};
use crate::server::worker::{Stopped, Worker};
use crate::token::fresh_id;

/// What an evaluation has yielded.
pub(super) struct Evaluated {
    pub(super) results: Vec<CiphertextsInfo>,
    pub(super) times: JobTimes,
    /// Room for the results, until the tables have them.
    pub(super) room: Vec<Reservation>,
}

impl Service {
    /// Does a job by a process that has its keys loaded, or by a new one. A loaded one may have died since:
    /// then it is done by a new one.
    pub(super) fn evaluates(
        &self,
        row: &JobRow,
        times: &mut JobTimes,
    ) -> Result<Evaluated, Stopped> {
        let gone = || Stopped::Failed("its keys were deleted, or have expired".into());
        let keys = self.store.keys(&row.info.keys).map_err(storage)?;
        let keys = keys.ok_or_else(gone)?;
        let ended = || Stopped::Failed("it had ended before".into());
        let request = self.store.job_request(&row.info.id).map_err(storage)?;
        let request = request.ok_or_else(ended)?;
        let does = (row, &request);
        if let Some(worker) = self.take_warm(&keys.info.id) {
            self.does(&row.info.id, worker.ender());
            match self.evaluates_in(worker, does, &keys, *times) {
                Err(Stopped::Died(_)) if self.cut_of(&row.info.id).is_none() => {}
                evaluated => {
                    self.metrics.warm_jobs.add(1);
                    return evaluated;
                }
            }
        }
        let began = Instant::now();
        let id = &row.info.id;
        self.update(id, |running| {
            running.loaded = Loaded {
                bytes: 0,
                of: keys.stored,
            };
        });
        let (order, circuit) = self.order(&keys.info.program)?;
        let started = |ender| self.does(id, ender);
        let (worker, _) = Worker::start(&self.config, &order, circuit, started)?;
        let file = self.blobs.path(Table::Keys, &keys.info.id);
        let (worker, prepared) = worker.load_keys(&file, &mut self.told(id))?;
        times.prepare = Some(prepared);
        times.load_ns = began.elapsed().as_nanos() as u64;
        self.evaluates_in(worker, does, &keys, *times)
    }

    /// Adds to what has been loaded.
    fn told(&self, id: &str) -> impl FnMut(u64) + use<'_> {
        let id = id.to_owned();
        move |bytes| self.update(&id, |running| running.loaded.bytes += bytes)
    }

    fn evaluates_in(
        &self,
        mut worker: Worker<Ready>,
        (row, request): (&JobRow, &JobRequest),
        keys: &KeysRow,
        mut times: JobTimes,
    ) -> Result<Evaluated, Stopped> {
        let id = &row.info.id;
        let began = Instant::now();
        let mut inputs: Vec<(String, u64)> = Vec::new();
        for input in &request.inputs {
            let found = self.store.ciphertexts(input).map_err(storage)?;
            let found = found.ok_or_else(|| {
                Stopped::Failed(format!("its input {input} was deleted, or has expired"))
            })?;
            inputs.push((found.info.id, found.info.bytes));
        }
        let more: u64 = inputs.iter().map(|(_, bytes)| bytes).sum();
        self.update(id, |running| running.loaded.of += more);
        let mut handles: Vec<Handle> = Vec::new();
        let mut loaded: Vec<(&String, Handle)> = Vec::new();
        for (input, _) in &inputs {
            // The same ciphertexts may be two inputs.
            if let Some((_, handle)) = loaded.iter().find(|(known, _)| *known == input) {
                handles.push(*handle);
                continue;
            }
            let file = self.blobs.path(Table::Ciphertexts, input);
            let handle = worker.load_ciphertexts(&file, &mut self.told(id))?;
            loaded.push((input, handle));
            handles.push(handle);
        }
        times.load_ns += began.elapsed().as_nanos() as u64;
        self.update(id, |running| running.state = JobState::Computing);
        let wanted: Vec<OutputId> = request
            .outputs
            .iter()
            .map(|output| OutputId::from_index(*output as usize))
            .collect();
        let mut found = Vec::new();
        if !wanted.is_empty() {
            let began = Instant::now();
            let (results, compute): (Vec<Handle>, Measured) = worker.evaluate(&handles, &wanted)?;
            // The rest of it is the end of reading the inputs: the process begins as soon as it has them.
            let passed = began.elapsed().as_nanos() as u64;
            times.load_ns += passed.saturating_sub(compute.wall_ns);
            times.compute = Some(compute);
            found = results;
        }
        let began = Instant::now();
        self.update(id, |running| running.state = JobState::Storing);
        let (mut results, mut room) = (Vec::new(), Vec::new());
        for handle in &found {
            match self.stores(&mut worker, *handle, keys) {
                Ok((result, reserved)) => {
                    results.push(result);
                    room.push(reserved);
                }
                Err(stopped) => {
                    let stored = results.iter();
                    stored.for_each(|r: &CiphertextsInfo| {
                        self.blobs.remove(Table::Ciphertexts, &r.id);
                    });
                    return Err(stopped);
                }
            }
        }
        times.store_ns = began.elapsed().as_nanos() as u64;
        let held: Vec<Handle> = loaded.iter().map(|(_, h)| *h).chain(found).collect();
        // What it does not forget ends with it.
        if worker.discard(&held).is_ok() {
            self.keep_warm(&keys.info.id, worker);
        }
        Ok(Evaluated {
            results,
            times,
            room,
        })
    }

    /// Writes a result into a file of its own. One for which its client has no room is not kept.
    fn stores(
        &self,
        worker: &mut Worker<Ready>,
        handle: Handle,
        keys: &KeysRow,
    ) -> Result<(CiphertextsInfo, Reservation), Stopped> {
        let disk = |e: io::Error| Stopped::Storage(e.to_string());
        let began = Instant::now();
        let id = fresh_id("ct").map_err(disk)?;
        let incoming = self.blobs.incoming(&id);
        let mut file = Hashed::create(&incoming.path).map_err(disk)?;
        let (ciphertexts, bytes) = worker.store(handle, &mut file)?;
        let sha256 = file.finish().map_err(disk)?;
        let room = Room {
            bytes: on_disk(bytes),
            ..Room::default()
        };
        let room = self.reserve(&keys.owner, room).map_err(without_room)?;
        let kept = self.blobs.keep(incoming, Table::Ciphertexts, &id);
        kept.map_err(disk)?;
        let info = CiphertextsInfo {
            id,
            keys: keys.info.id.clone(),
            bytes,
            sha256,
            ciphertexts: Some(ciphertexts),
            created_s: now_s(),
            expires_s: keys.info.expires_s,
            received_ns: began.elapsed().as_nanos() as u64,
        };
        Ok((info, room))
    }
}
