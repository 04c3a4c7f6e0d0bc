//@ error: E0277
//! What a method owns goes where its BIO goes.
use libssl::bio::{BioMethod, NextBio, Stop};

struct Stays(std::rc::Rc<()>);

impl BioMethod for Stays {
    fn read(&mut self, _: &mut NextBio<'_>, _: &mut [u8]) -> Result<usize, Stop> {
        Err(Stop::End)
    }

    fn write(&mut self, _: &mut NextBio<'_>, _: &[u8]) -> Result<usize, Stop> {
        Err(Stop::End)
    }
}

fn main() {}
