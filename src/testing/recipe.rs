//! Data out of a seed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::bucket::Bucket;
use super::change::{ChangeKind, Document};
use crate::value::{CollectionId, ScopeId};
use crate::{Datatype, UserData};

/// What to fill a [`Bucket`] with. The same recipe gives the same bucket, down to the last byte.
///
/// ```
/// use mcbp::testing::Recipe;
///
/// let recipe = Recipe { vbuckets: 8, items: 100, collections: 2, ..Recipe::default() };
/// let bucket = recipe.bucket();
/// assert_eq!(bucket.vbuckets().len(), 8);
/// let changes: usize = bucket.vbuckets().map(|(_, vbucket)| vbucket.changes().count()).sum();
/// // One for the scope and one for each collection in every vbucket, then the items.
/// assert_eq!(changes, 8 * 3 + 100);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The name of the bucket.
    pub name: String,
    /// How many vbuckets there are, counted from 0; all of them active.
    pub vbuckets: u16,
    /// How many changes there are of keys, spread over the vbuckets in turn.
    pub items: u64,
    /// How many collections there are beside the default one, in a scope of their own.
    pub collections: u32,
    /// How many bytes a value has, at least; JSON around a number needs some.
    pub value_len: usize,
    /// How many different keys there are per vbucket: fewer mean more changes of the same key.
    pub keys: u64,
    /// Which kinds of changes there are.
    pub mix: Mix,
    /// How much of it is on disk, in percent of each vbucket's history; the rest is in memory.
    pub persisted: u8,
    /// What all that is chosen at random depends on.
    pub seed: u64,
}

/// Which kinds of changes a [`Recipe`] makes, each one time in so many; 0 for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// Deletions.
    pub deletions: u8,
    /// Expirations.
    pub expirations: u8,
    /// Durable writes: a prepare, and its commit or abort as the next change.
    pub durable: u8,
    /// Documents with extended attributes.
    pub xattrs: u8,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            name: "default".into(),
            vbuckets: 64,
            items: 1000,
            collections: 0,
            value_len: 32,
            keys: u64::MAX,
            mix: Mix::default(),
            persisted: 50,
            seed: 1,
        }
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            deletions: 10,
            expirations: 25,
            durable: 20,
            xattrs: 15,
        }
    }
}

impl Mix {
    /// Mutations, and nothing else.
    pub const MUTATIONS: Self = Self {
        deletions: 0,
        expirations: 0,
        durable: 0,
        xattrs: 0,
    };
}

impl Recipe {
    /// Makes the bucket.
    pub fn bucket(&self) -> Bucket {
        let mut bucket = Bucket::new(&self.name, 0..self.vbuckets, self.seed);
        let mut collections = Vec::from([CollectionId::DEFAULT]);
        if self.collections > 0 {
            let scope = bucket.create_scope("inventory");
            for number in 0..self.collections {
                let name = format!("collection-{number}");
                collections.extend(bucket.create_collection(scope, &name, None));
            }
        }
        let mut growth = Growth {
            recipe: self.clone(),
            collections,
            made: 0,
        };
        growth.grow(&mut bucket, self.items);
        for vbucket in 0..self.vbuckets {
            bucket.persist_to(vbucket, self.persisted);
        }
        bucket
    }

    /// Makes more changes of the same kind, for a bucket that this recipe made.
    pub fn growth(&self, bucket: &Bucket) -> Growth {
        let own = bucket.manifest().scopes.iter();
        let collections = own
            .filter(|scope| scope.id == ScopeId::DEFAULT || scope.name == "inventory")
            .flat_map(|scope| &scope.collections)
            .map(|collection| collection.id)
            .collect();
        Growth {
            recipe: self.clone(),
            collections,
            made: self.items,
        }
    }
}

/// Changes that go on as a [`Recipe`] has begun.
#[derive(Debug, Clone)]
pub struct Growth {
    recipe: Recipe,
    collections: Vec<CollectionId>,
    made: u64,
}

impl Growth {
    /// Makes so many changes more, in memory.
    pub fn grow(&mut self, bucket: &mut Bucket, changes: u64) {
        let end = self.made.saturating_add(changes);
        while self.made < end {
            let left = end.saturating_sub(self.made);
            self.made = self.made.saturating_add(self.once(bucket, left));
        }
    }

    /// Makes one change, or the two of a durable write, and says how many.
    fn once(&self, bucket: &mut Bucket, left: u64) -> u64 {
        let recipe = &self.recipe;
        let count = u64::from(recipe.vbuckets.max(1));
        let vbucket = u16::try_from(self.made.checked_rem(count).unwrap_or(0)).unwrap_or(0);
        let turn = self.made.checked_div(count).unwrap_or(0);
        let key_number = if turn < recipe.keys {
            turn
        } else {
            bucket.seed.below(recipe.keys)
        };
        let at = bucket.seed.below(self.collections.len() as u64);
        let at = usize::try_from(at).unwrap_or(0);
        // A key stays in its collection.
        let at = match usize::try_from(key_number) {
            Ok(number) => number.checked_rem(self.collections.len()).unwrap_or(at),
            Err(_) => at,
        };
        let collection = self.collections.get(at).copied().unwrap_or_default();
        let key = Bytes::from(format!("key-{vbucket}-{key_number}").into_bytes());
        let mut is = |one_in: u8| one_in > 0 && bucket.seed.below(one_in.into()) == 0;
        let mix = recipe.mix;
        let (expires, deletes) = (is(mix.expirations), is(mix.deletions));
        let (durable, xattrs) = (is(mix.durable) && left > 1, is(mix.xattrs));
        if expires {
            bucket.expire(vbucket, collection, key);
        } else if deletes {
            bucket.delete(vbucket, collection, key);
        } else if durable {
            let document = self.document(xattrs);
            let is_aborted = bucket.seed.below(4) == 0;
            bucket.prepare(vbucket, collection, key.clone(), document);
            if is_aborted {
                bucket.abort(vbucket, collection, key);
            } else {
                bucket.commit(vbucket, collection, key);
            }
            // Both are changes of this vbucket; the next change is of the next.
            return 2;
        } else {
            let kind = ChangeKind::Mutation(self.document(xattrs));
            bucket.change(vbucket, collection, key, kind);
        }
        1
    }

    fn document(&self, xattrs: bool) -> Document {
        let mut value = Vec::with_capacity(self.recipe.value_len);
        let mut datatype = Datatype::JSON;
        if xattrs {
            let attribute = crate::value::Xattr {
                key: UserData::new(b"_sync"),
                value: UserData::new(br#"{"rev":"1-a"}"#),
            };
            if crate::value::Xattrs::encode([attribute], &mut value).is_ok() {
                datatype |= Datatype::XATTR;
            }
        }
        let body = format!(r#"{{"change":{},"pad":""}}"#, self.made);
        let pad = self.recipe.value_len.saturating_sub(body.len());
        let (head, tail) = body.split_at(body.len().saturating_sub(2));
        value.extend_from_slice(head.as_bytes());
        value.resize(value.len().saturating_add(pad), b'x');
        value.extend_from_slice(tail.as_bytes());
        Document {
            datatype,
            flags: 0x0200_0006,
            expiration: 0,
            value: value.into(),
        }
    }
}
