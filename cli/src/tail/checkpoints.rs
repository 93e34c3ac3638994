//! The checkpoint file: how far the changes of each vbucket have been shown.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mcbp::track::resume::Checkpoint;
use serde::{Deserialize, Serialize};

/// How far each vbucket is, and the file where that is kept.
///
/// The file is replaced as a whole: whatever happens, it is the old one or the new one.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// `None` to keep them for this run only.
    path: Option<PathBuf>,
    stored: Stored,
    is_new: bool,
    has_changed: bool,
}

/// Whose checkpoints they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    /// The name of the bucket.
    pub(super) bucket: String,
    /// Its uuid, which another bucket of the same name does not have.
    pub(super) bucket_uuid: Option<String>,
    /// The vbuckets that were asked for, or `all`.
    pub(super) vbuckets: String,
    /// The collections that were asked for, or `all`.
    pub(super) collections: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    format: u32,
    owner: Owner,
    checkpoints: BTreeMap<u16, Checkpoint>,
}

impl Stored {
    const FORMAT: u32 = 1;
}

impl Checkpoints {
    /// Reads the file; one that is not there yet is empty.
    pub(super) fn open(path: Option<&Path>, owner: Owner) -> Result<Self, CheckpointError> {
        let fresh = |path: Option<&Path>, owner| Self {
            path: path.map(Path::to_owned),
            stored: Stored {
                format: Stored::FORMAT,
                owner,
                checkpoints: BTreeMap::new(),
            },
            is_new: true,
            has_changed: false,
        };
        let Some(path) = path else {
            return Ok(fresh(None, owner));
        };
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(fresh(Some(path), owner));
            }
            Err(error) => return Err(CheckpointError::Unreadable(path.to_owned(), error)),
        };
        let unusable = |error| CheckpointError::Unusable(path.to_owned(), error);
        let stored: Stored = serde_json::from_slice(&text).map_err(unusable)?;
        if stored.format != Stored::FORMAT {
            return Err(CheckpointError::Format(path.to_owned(), stored.format));
        }
        Ok(Self {
            path: Some(path.to_owned()),
            stored,
            is_new: false,
            has_changed: false,
        })
    }

    /// Checks that they are those of this bucket, and of what is asked for; nothing is written
    /// before that.
    pub(super) fn check(&mut self, owner: Owner) -> Result<(), CheckpointError> {
        let path = self.path.clone().unwrap_or_default();
        let stored = &mut self.stored.owner;
        let compared = [
            ("bucket", &stored.bucket, &owner.bucket),
            ("vbuckets", &stored.vbuckets, &owner.vbuckets),
            ("collections", &stored.collections, &owner.collections),
        ];
        for (what, stored, wanted) in compared {
            if stored != wanted {
                return Err(CheckpointError::Other {
                    path,
                    what,
                    stored: stored.clone(),
                    wanted: wanted.clone(),
                });
            }
        }
        match (&stored.bucket_uuid, owner.bucket_uuid) {
            (Some(stored), Some(wanted)) if *stored != wanted => Err(CheckpointError::Other {
                path,
                what: "bucket with uuid",
                stored: stored.clone(),
                wanted,
            }),
            (None, wanted @ Some(_)) => {
                stored.bucket_uuid = wanted;
                self.has_changed = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The error of a file whose branches of history this bucket has never been on.
    pub(super) fn foreign(&self) -> CheckpointError {
        CheckpointError::Foreign(self.path.clone().unwrap_or_default())
    }

    /// Whether there was no file.
    pub(super) const fn is_new(&self) -> bool {
        self.is_new
    }

    /// The uuid of the bucket, if it is known.
    pub(super) fn bucket_uuid(&self) -> Option<&str> {
        self.stored.owner.bucket_uuid.as_deref()
    }

    /// How far a vbucket is.
    pub(super) fn get(&self, vbucket: u16) -> Option<Checkpoint> {
        self.stored.checkpoints.get(&vbucket).copied()
    }

    /// Takes note that all changes of a vbucket up to this point have been shown.
    pub(super) fn set(&mut self, vbucket: u16, checkpoint: Checkpoint) {
        let before = self.stored.checkpoints.insert(vbucket, checkpoint);
        self.has_changed |= before != Some(checkpoint);
    }

    /// Writes the file, if there is one and it has changed.
    pub(super) fn store(&mut self) -> Result<(), CheckpointError> {
        let Some(path) = self.path.as_deref().filter(|_| self.has_changed) else {
            return Ok(());
        };
        replace(path, &self.stored)
            .map_err(|error| CheckpointError::Unwritable(path.to_owned(), error))?;
        self.has_changed = false;
        Ok(())
    }
}

/// Writes beside the file, to the disk, and only then over it.
fn replace(path: &Path, stored: &Stored) -> io::Result<()> {
    let mut temporary = OsString::from(path);
    temporary.push(".new");
    let mut file = File::create(&temporary)?;
    serde_json::to_writer_pretty(&mut file, stored)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    // So that the name survives a power cut, too; where directories cannot be opened, it does.
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    match File::open(directory.unwrap_or(Path::new("."))) {
        Ok(directory) => directory.sync_all(),
        Err(_) => Ok(()),
    }
}

/// Why a checkpoint file is of no use. It is left as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It cannot be read.
    #[error("{}: {_1}", _0.display())]
    Unreadable(PathBuf, io::Error),
    /// It is no checkpoint file.
    #[error("{}: no checkpoint file: {_1}; move it away, or name another", _0.display())]
    Unusable(PathBuf, serde_json::Error),
    /// It is one of another release.
    #[error("{}: a checkpoint file of format {_1}, which is not known here", _0.display())]
    Format(PathBuf, u32),
    /// It is about something else.
    #[error(
        "{}: the checkpoints are of {what} {stored}, not {wanted}; name another file for this",
        path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// As it is in the file.
        stored: String,
        /// As it was asked for.
        wanted: String,
    },
    /// It is of a bucket of the same name.
    #[error(
        "{}: the bucket knows none of the histories in the checkpoints: they are of another bucket \
         of this name; name another file for this one",
        _0.display()
    )]
    Foreign(PathBuf),
    /// It cannot be written.
    #[error("{}: cannot be written: {_1}", _0.display())]
    Unwritable(PathBuf, io::Error),
}
