//! What a bucket says of itself. Asks and changes nothing.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{BucketVersioningStatus, ObjectLockEnabled};
use sops_tools::clock::{Entropy as _, System};
use tokio::time::timeout;

use super::super::{About, Protection, Switch};
use super::fault::Evidence;
use super::{ATTEMPT, S3Store};

pub(super) async fn about(store: &S3Store) -> About {
    let (versioning, object_lock, clock_ahead) =
        tokio::join!(versioning(store), object_lock(store), clock_ahead(store));
    About { clock_ahead, protection: Some(Protection { versioning, object_lock }) }
}

async fn versioning(store: &S3Store) -> Switch {
    let request = store.client.get_bucket_versioning().bucket(&store.location.bucket).send();
    match timeout(ATTEMPT, request).await {
        Ok(Ok(answer)) if answer.status() == Some(&BucketVersioningStatus::Enabled) => Switch::On,
        Ok(Ok(_)) => Switch::Off,
        Ok(Err(error)) => refused(store, &error, "NoSuchVersioningConfiguration"),
        Err(_) => late(),
    }
}

async fn object_lock(store: &S3Store) -> Switch {
    let request = store.client.get_object_lock_configuration().bucket(&store.location.bucket).send();
    match timeout(ATTEMPT, request).await {
        Ok(Ok(answer)) => {
            let enabled = answer.object_lock_configuration().and_then(|settings| settings.object_lock_enabled());
            if enabled == Some(&ObjectLockEnabled::Enabled) { Switch::On } else { Switch::Off }
        }
        Ok(Err(error)) => refused(store, &error, "ObjectLockConfigurationNotFoundError"),
        Err(_) => late(),
    }
}

fn late() -> Switch {
    Switch::NotTold(format!("no answer within {} s", ATTEMPT.as_secs()))
}

/// `absent` is the code by which a server says that nothing was ever set.
fn refused<E>(store: &S3Store, error: &SdkError<E>, absent: &str) -> Switch
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let evidence = Evidence::of(error, store.clock.now());
    if evidence.code.as_deref() == Some(absent) { Switch::Off } else { Switch::NotTold(evidence.judge().detail) }
}

/// Asks for an object that is not there: a refusal carries the time as well as an answer does, and costs least.
async fn clock_ahead(store: &S3Store) -> Option<jiff::SignedDuration> {
    let key = store.key(&format!("probe/{}", System.id()));
    let request = store.client.get_object().bucket(&store.location.bucket).key(key).send();
    match timeout(ATTEMPT, request).await {
        Ok(Err(error)) => Evidence::of(&error, store.clock.now()).server_ahead,
        Ok(Ok(_)) | Err(_) => None,
    }
}
