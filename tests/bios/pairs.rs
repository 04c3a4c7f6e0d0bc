//! C's BIO pair as two BIOs.

use libssl::ErrorKind;
use libssl::bio::{Bio, BioError};

#[test]
fn what_is_written_to_one_half_is_read_from_the_other() {
    let (mut one, mut other) = Bio::new_bio_pair(4, 100).unwrap();
    assert_eq!((one.write_buf_size(), other.write_buf_size()), (4, 100));
    assert_eq!((one.write_guarantee(), other.write_guarantee()), (4, 100));
    assert_eq!(one.write(b"too long").unwrap(), 4);
    assert!(one.write(b"x").unwrap_err().retry().unwrap().should_write());
    assert_eq!((one.wpending(), other.pending(), one.write_guarantee()), (4, 4, 0));
    let mut buf = [0; 8];
    assert_eq!(other.read(&mut buf).unwrap(), 4);
    assert_eq!(&buf[..4], b"too ");

    assert!(other.read(&mut buf).unwrap_err().retry().unwrap().should_read());
    assert_eq!(one.read_request(), 4);
    one.reset_read_request();
    assert_eq!(one.read_request(), 0);

    one.shutdown_wr();
    assert!(other.read(&mut buf).unwrap_err().is_end());
    assert!(other.eof());
    assert_eq!(one.write(b"x").unwrap_err().error().unwrap().kind(), ErrorKind::Refused);
}

#[test]
fn halves_are_made_alone_and_joined() {
    let (mut one, mut other) = (Bio::half().unwrap(), Bio::half().unwrap());
    assert!(one.write(b"nobody there").is_err());
    one.set_write_buf_size(10).unwrap();
    for size in [0, usize::MAX] {
        assert_eq!(one.set_write_buf_size(size).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    one.make_bio_pair(&mut other).unwrap();
    assert_eq!(one.write(&[1; 20]).unwrap(), 10);
    assert_eq!(one.set_write_buf_size(20).unwrap_err().kind(), ErrorKind::Refused);
    let mut third = Bio::half().unwrap();
    assert_eq!(third.make_bio_pair(&mut one).unwrap_err().kind(), ErrorKind::Refused);

    one.destroy_bio_pair().unwrap();
    let error = other.read(&mut [0; 4]).unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::Refused);
    assert_eq!((other.pending(), one.write_guarantee()), (0, 0));
    third.make_bio_pair(&mut one).unwrap();
    third.write(b"again").unwrap();
    assert_eq!(one.pending(), 5);
}

#[test]
fn only_halves_are_joined() {
    let (mut half, mut memory) = (Bio::half().unwrap(), Bio::memory().unwrap());
    assert_eq!(half.make_bio_pair(&mut memory).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(memory.make_bio_pair(&mut half).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(memory.destroy_bio_pair().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(memory.set_write_buf_size(10).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!((memory.write_buf_size(), memory.write_guarantee(), memory.read_request()), (0, 0, 0));
    memory.shutdown_wr();
    memory.reset_read_request();
    // SAFETY: there is no pair.
    let error = unsafe { memory.nread0() }.unwrap_err();
    assert!(matches!(error, BioError::Failed(error) if error.kind() == ErrorKind::InvalidInput));
}

#[test]
fn a_half_outlives_the_other() {
    let (mut one, mut other) = Bio::new_bio_pair(0, 0).unwrap();
    other.write(b"unread").unwrap();
    drop(other);
    assert!(one.read(&mut [0; 4]).is_err());
    assert!(one.write(b"x").is_err());
    let mut new = Bio::half().unwrap();
    one.make_bio_pair(&mut new).unwrap();
    assert_eq!(one.write(b"x").unwrap(), 1);
}

#[test]
fn halves_behind_filters_are_joined() {
    let (mut one, mut other) = (Bio::buffer().unwrap(), Bio::null_filter().unwrap());
    one.push(Bio::half().unwrap());
    other.push(Bio::half().unwrap());
    one.make_bio_pair(&mut other).unwrap();
    one.write(b"buffered").unwrap();
    assert_eq!(other.pending(), 0);
    one.flush().unwrap();
    let mut buf = [0; 8];
    assert_eq!((other.read(&mut buf).unwrap(), &buf), (8, b"buffered"));
}

#[test]
fn bytes_pass_without_a_copy() {
    let (mut one, mut other) = Bio::new_bio_pair(8, 8).unwrap();
    // SAFETY: the halves are used one after the other, and all of the room is written.
    unsafe {
        assert_eq!(one.nwrite0().unwrap().len(), 8);
        for (place, byte) in one.nwrite(5).unwrap().iter_mut().zip(b"bytes") {
            place.write(*byte);
        }
        assert_eq!(other.nread0().unwrap(), b"bytes");
        assert_eq!(other.nread(3).unwrap(), b"byt");
        // Room and bytes are in one piece only to the end of the ring.
        assert_eq!(one.nwrite0().unwrap().len(), 3);
        assert_eq!(other.nread(100).unwrap(), b"es");
        assert!(other.nread(1).unwrap_err().retry().unwrap().should_read());
        assert!(one.nwrite(8).unwrap().len() <= 8);
    }
    one.shutdown_wr();
    // SAFETY: as above.
    assert!(unsafe { one.nwrite0() }.unwrap_err().error().is_some());
}

#[test]
fn a_pair_too_large_for_memory_is_refused() {
    let error = Bio::new_bio_pair(isize::MAX as usize, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
}
