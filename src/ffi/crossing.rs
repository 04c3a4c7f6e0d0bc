//! Types of objects that are to know when they pass between C and Rust.

/// As `foreign_type!`, for a type whose passing matters, whichever way it goes: by its own functions or by the traits. Within
/// the crate `own`, `leave`, `lend` and `lend_mut` pass nothing to anyone.
macro_rules! crossing_type {
    (
        $(#[$doc:meta])*
        $visibility:vis unsafe type $name:ident, $borrowed:ident $(: $auto:ident $(+ $more:ident)*)? {
            type CType = $c:ty;
            fn drop = $drop:path;
            fn taken = $taken:path;
            fn given = $given:path;
            fn lent = $lent:path;
        }
    ) => {
        $(#[$doc])*
        #[repr(transparent)]
        $visibility struct $name(::std::ptr::NonNull<$c>);

        #[doc = concat!("A borrowed reference to a [`", stringify!($name), "`].")]
        $visibility struct $borrowed(::foreign_types::Opaque);

        $(
            // SAFETY: argued where the type is declared.
            unsafe impl $auto for $name {}
            // SAFETY: as above.
            unsafe impl $auto for $borrowed {}
            $(
                // SAFETY: as above.
                unsafe impl $more for $name {}
                // SAFETY: as above.
                unsafe impl $more for $borrowed {}
            )*
        )?

        // SAFETY: all ways lead to the one pointer.
        unsafe impl ::foreign_types::ForeignType for $name {
            type CType = $c;
            type Ref = $borrowed;

            unsafe fn from_ptr(ptr: *mut $c) -> Self {
                // SAFETY: by the contract of the type's own `from_ptr`.
                unsafe {
                    $taken(ptr);
                    Self::own(ptr)
                }
            }

            fn as_ptr(&self) -> *mut $c {
                self.0.as_ptr()
            }

            fn into_ptr(self) -> *mut $c {
                let ptr = self.leave();
                // SAFETY: live, and still this function's.
                unsafe { $given(ptr) };
                ptr
            }
        }

        // SAFETY: as above.
        unsafe impl ::foreign_types::ForeignTypeRef for $borrowed {
            type CType = $c;

            unsafe fn from_ptr_mut<'a>(ptr: *mut $c) -> &'a mut Self {
                // SAFETY: by the contract of the type's own `from_ptr_mut`.
                unsafe {
                    $lent(ptr);
                    Self::lend_mut(ptr)
                }
            }
        }

        impl $name {
            /// Owns a reference that did not leave this crate.
            ///
            /// # Safety
            ///
            /// `ptr` is live, and the caller gives up one reference to it.
            pub(crate) unsafe fn own(ptr: *mut $c) -> Self {
                // SAFETY: live, and so not NULL.
                Self(unsafe { ::std::ptr::NonNull::new_unchecked(ptr) })
            }

            /// Gives the reference to this crate's own code.
            pub(crate) fn leave(self) -> *mut $c {
                ::std::mem::ManuallyDrop::new(self).0.as_ptr()
            }
        }

        impl $borrowed {
            /// Lends what did not leave this crate.
            ///
            /// # Safety
            ///
            /// `ptr` is live for `'a`, and nobody else uses it for as long.
            pub(crate) unsafe fn lend_mut<'a>(ptr: *mut $c) -> &'a mut Self {
                // SAFETY: an opaque type stands for the object, which is the caller's alone.
                unsafe { &mut *ptr.cast() }
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: gives up the reference that this is.
                unsafe { $drop(self.0.as_ptr()) }
            }
        }

        impl ::std::ops::Deref for $name {
            type Target = $borrowed;

            #[inline]
            fn deref(&self) -> &$borrowed {
                // SAFETY: live as long as this is, which is borrowed.
                unsafe { &*self.0.as_ptr().cast() }
            }
        }

        impl ::std::ops::DerefMut for $name {
            #[inline]
            fn deref_mut(&mut self) -> &mut $borrowed {
                // SAFETY: as above, and borrowed for writing.
                unsafe { $borrowed::lend_mut(self.0.as_ptr()) }
            }
        }

        impl ::std::borrow::Borrow<$borrowed> for $name {
            fn borrow(&self) -> &$borrowed {
                self
            }
        }

        impl ::std::borrow::BorrowMut<$borrowed> for $name {
            fn borrow_mut(&mut self) -> &mut $borrowed {
                self
            }
        }

        impl AsRef<$borrowed> for $name {
            fn as_ref(&self) -> &$borrowed {
                self
            }
        }

        impl AsMut<$borrowed> for $name {
            fn as_mut(&mut self) -> &mut $borrowed {
                self
            }
        }
    };
}

pub(crate) use crossing_type;
