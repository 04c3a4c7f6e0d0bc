//! Whether a library context keeps to FIPS 140.

use openssl_sys as sys;

use super::{LibContext, ProviderInfo};
use crate::error::{self, Error};

/// How a library context stands to FIPS 140.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FipsState {
    /// The context's default properties ask for `fips=yes`.
    pub required: bool,
    /// The provider `fips`, where it is loaded.
    pub provider: Option<ProviderInfo>,
    /// Whether what is not approved (MD4 and MD5 stand for it) cannot be had in this context, with its property query; and,
    /// where neither properties nor query ask for anything, whether there are no providers but `fips` and `base`.
    pub enforced: bool,
}

impl LibContext {
    /// How this context stands to FIPS 140, on the evidence: what its properties say, which module is there, and whether
    /// an algorithm that is not approved can still be had.
    ///
    /// # Errors
    ///
    /// As [`providers`](Self::providers).
    ///
    /// C: [`EVP_default_properties_is_fips_enabled(3)`](https://docs.openssl.org/master/man3/EVP_set_default_properties/)
    #[doc(alias = "EVP_default_properties_is_fips_enabled")]
    #[doc(alias = "FIPS_mode")]
    pub fn fips(&self) -> Result<FipsState, Error> {
        let providers = self.providers()?;
        let approved_only =
            providers.iter().all(|provider| ["fips", "base"].contains(&provider.name.as_str()));
        let provider = providers.into_iter().find(|provider| provider.name == "fips");
        // SAFETY: the context is live or NULL, and the call only reads its properties, which nobody changes.
        let required = unsafe { sys::EVP_default_properties_is_fips_enabled(self.as_ptr()) } == 1;
        error::clear();
        let enforced = self.provider_of_digest("SHA2-256").is_ok_and(|provider| provider == "fips")
            && ["MD4", "MD5"].iter().all(|digest| self.provider_of_digest(digest).is_err())
            && (required || approved_only || !self.properties_ptr().is_null());
        Ok(FipsState { required, provider, enforced })
    }
}
