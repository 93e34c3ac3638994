//! What is to be known before the streams: whether it is the right bucket, and from where each
//! vbucket is to be followed to where.

pub(super) mod questions;

use std::collections::BTreeMap;

use mcbp::track::negotiate::Negotiated;
use mcbp::track::resume::Checkpoint;
use mcbp::value::Keyspace;

use super::printer::Item;
use super::{Start, Tail, TailError};
use crate::connect::Connection;
use crate::vbuckets::{Ranges, Vbuckets};

impl Tail<'_> {
    /// Finds out what is there, and from where each vbucket is to be followed to where.
    pub(super) async fn survey(
        &mut self,
        connection: &mut Connection,
        negotiated: &Negotiated,
    ) -> Result<(), TailError> {
        // Before anything is written: is this the bucket that the checkpoints are of?
        let bucket_uuid = questions::bucket_uuid(connection).await?;
        self.checkpoints.check(self.options.owner(bucket_uuid))?;

        // Collections are numbers on the wire.
        let mut keyspace = Keyspace::Everything;
        if negotiated.collections {
            let manifest = questions::manifest(connection).await?;
            keyspace = questions::keyspace(connection, &self.options.selection).await?;
            self.collections = questions::collections(&keyspace, &manifest);
            self.show(Item::Names(manifest));
        }
        self.streams.configure(keyspace, negotiated.collections);

        // Which vbuckets are active here, and how far are they?
        let here = questions::seqnos(connection, None).await?;
        let wanted = self.options.vbuckets.as_ref();
        let is_new = |vbucket: &u16| !self.streams.contains(*vbucket);
        let elsewhere = wanted.into_iter().flat_map(Vbuckets::iter).filter(is_new);
        let elsewhere: Vec<u16> = elsewhere.filter(|it| !here.contains_key(it)).collect();
        let is_wanted = |vbucket: &u16| wanted.is_none_or(|wanted| wanted.contains(*vbucket));
        let fresh = here.keys().copied().filter(is_wanted).filter(is_new);
        let fresh: Vec<u16> = fresh.collect();
        if fresh.is_empty() && self.streams.len() == 0 {
            return Err(TailError::NothingHere);
        }
        if elsewhere.len() > self.elsewhere {
            let ranges = Ranges(elsewhere.iter().copied());
            let note = format_args!("vbuckets {ranges} are active on other nodes, and left out");
            self.progress.note(note);
        }
        self.elsewhere = elsewhere.len();

        let ends = self.ends(connection, &here).await?;
        let end = |vbucket| ends.get(&vbucket).copied().unwrap_or(0);
        let until = |vbucket| self.options.until_now.then(|| end(vbucket));
        // If a vbucket was rolled back meanwhile, its end is nearer than it was.
        for vbucket in here.keys().copied() {
            if let Some(end) = until(vbucket) {
                self.streams.set_end(vbucket, end);
            }
        }
        for (vbucket, from) in self.starts(connection, &here, &fresh).await? {
            self.progress.start(vbucket, from.seqno);
            self.progress.to(vbucket, end(vbucket));
            self.streams.add(vbucket, from, until(vbucket))?;
            self.checkpoints.set(vbucket, from);
        }
        // If it cannot be written, better to know now.
        self.checkpoints.store()?;
        Ok(())
    }

    /// How far the vbuckets are in what is wanted of them. A stream of some collections ends at
    /// the last change in one of them, which may be long before the last of the vbucket.
    async fn ends(
        &self,
        connection: &mut Connection,
        here: &BTreeMap<u16, u64>,
    ) -> Result<BTreeMap<u16, u64>, TailError> {
        if self.collections.is_empty() {
            return Ok(here.clone());
        }
        let mut ends = BTreeMap::new();
        for &collection in &self.collections {
            for (vbucket, seqno) in questions::seqnos(connection, Some(collection)).await? {
                let end = ends.entry(vbucket).or_insert(0);
                *end = seqno.max(*end);
            }
        }
        Ok(ends)
    }

    /// From where to follow vbuckets that have not been followed by this run.
    async fn starts(
        &self,
        connection: &mut Connection,
        here: &BTreeMap<u16, u64>,
        fresh: &[u16],
    ) -> Result<Vec<(u16, Checkpoint)>, TailError> {
        let stored = |vbucket: u16| self.checkpoints.get(vbucket);
        // A seqno means something only on its branch of history. The newest is the one to be on;
        // a bucket that has never been on any of those in the file is another one.
        let doubtful = self.checkpoints.bucket_uuid().is_none() && !self.checkpoints.is_new();
        let now = self.options.start == Start::Now;
        let asked = fresh
            .iter()
            .copied()
            .filter(|&it| if stored(it).is_some() { doubtful } else { now });
        let histories = questions::histories(connection, asked).await?;
        let is_known = |(vbucket, uuids): (&u16, &Vec<u64>)| {
            let stored = stored(*vbucket).filter(|stored| stored.seqno > 0)?;
            Some(uuids.contains(&stored.vbucket_uuid))
        };
        let known: Vec<bool> = histories.iter().filter_map(is_known).collect();
        if doubtful && known.contains(&false) && !known.contains(&true) {
            return Err(self.checkpoints.foreign().into());
        }
        let start = |&vbucket: &u16| {
            let newest = histories.get(&vbucket).and_then(|uuids| uuids.first());
            let from = match (stored(vbucket), newest, here.get(&vbucket)) {
                (Some(stored), _, _) => stored,
                (None, Some(&uuid), Some(&seqno)) if now && seqno > 0 => {
                    Checkpoint::complete(uuid, seqno)?
                }
                _ => Checkpoint::START,
            };
            Ok((vbucket, from))
        };
        fresh.iter().map(start).collect()
    }
}
