//! Filters.

use libssl::ErrorKind;
use libssl::bio::{Bio, BioError, BioFlags, MemEof};

fn before_memory(mut filter: Bio) -> Bio {
    filter.push(Bio::memory().unwrap());
    filter
}

#[test]
fn filters_that_keep_it_to_themselves_that_one_must_wait_do_not_make_it_an_end() {
    let waits = |outcome: Result<usize, BioError>, what: &str| {
        let retry = outcome.map_err(|error| error.retry().unwrap_or_else(|| panic!("{what}: {error:?}")));
        assert!(retry.unwrap_err().should_read(), "{what}");
    };
    let mut buf = [0; 8];
    for filter in [None, Some(Bio::prefix()), Some(Bio::null_filter()), Some(Bio::line_buffer())] {
        let mut chain = Bio::memory().unwrap();
        chain.set_mem_eof_return(MemEof::Retry).unwrap();
        if let Some(filter) = filter {
            let mut filter = filter.unwrap();
            filter.push(chain);
            chain = filter;
        }
        let name = chain.method_name().to_string_lossy().into_owned();
        waits(chain.read(&mut buf), &name);
        waits(chain.read_ex(&mut buf), &name);
        waits(chain.gets(&mut buf), &name);
        waits(chain.get_line(&mut Vec::new(), 8), &name);
        assert!(chain.should_read(), "{name}");
        chain.set_mem_eof_return(MemEof::End).unwrap();
        assert!(chain.read(&mut buf).unwrap_err().is_end(), "{name}");
        assert!(chain.gets(&mut buf).unwrap_err().is_end(), "{name}");
    }
    for filter in [Bio::prefix(), Bio::null_filter(), Bio::line_buffer()] {
        let mut filter = filter.unwrap();
        let (narrow, _other) = Bio::new_bio_pair(1, 1).unwrap();
        filter.push(narrow);
        let name = filter.method_name().to_string_lossy().into_owned();
        while let Ok(taken) = filter.puts(c"abcdef\n") {
            assert!(taken > 0, "{name}");
        }
        assert!(filter.should_write(), "{name}");
        assert!(filter.write(b"\n").unwrap_err().retry().unwrap().should_write(), "{name}");
    }
}

#[test]
fn a_buffer_keeps_what_it_has_room_for() {
    let mut bio = before_memory(Bio::buffer().unwrap());
    bio.set_write_buffer_size(10_000).unwrap();
    bio.write(&[1; 9000]).unwrap();
    assert_eq!((bio.wpending(), bio.mem_data().unwrap().len()), (9000, 0));
    bio.write(&[1; 2000]).unwrap();
    assert!(bio.mem_data().unwrap().len() >= 9000);
    bio.flush().unwrap();
    assert_eq!((bio.wpending(), bio.mem_data().unwrap().len()), (0, 11_000));
}

#[test]
fn a_buffer_reads_and_counts_lines() {
    let mut bio = Bio::buffer().unwrap();
    bio.set_buffer_size(5000).unwrap();
    bio.set_read_buffer_size(6000).unwrap();
    let mut memory = Bio::memory().unwrap();
    memory.write(b"one\ntwo\nthree").unwrap();
    bio.push(memory);
    let mut buf = [0; 16];
    assert_eq!((bio.buffer_num_lines(), bio.gets(&mut buf).unwrap()), (0, 4));
    assert_eq!(bio.buffer_num_lines(), 1);
}

#[test]
fn a_buffer_refuses_what_is_no_size() {
    let mut bio = Bio::buffer().unwrap();
    for size in [0, usize::MAX, i32::MAX as usize + 1] {
        assert_eq!(bio.set_buffer_size(size).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(bio.set_read_buffer_size(size).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(bio.set_write_buffer_size(size).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert!(Bio::memory().unwrap().set_buffer_size(100).is_err());
}

#[test]
fn what_a_dropped_buffer_held_is_lost_and_what_was_flushed_is_not() {
    let mut bio = before_memory(Bio::buffer().unwrap());
    bio.write(b"flushed").unwrap();
    bio.flush().unwrap();
    bio.write(b" lost").unwrap();
    assert_eq!(bio.pop().unwrap().mem_data(), Some(&b"flushed"[..]));
}

#[test]
fn a_line_buffer_passes_whole_lines() {
    let mut bio = before_memory(Bio::line_buffer().unwrap());
    bio.write(b"a line\nand ha").unwrap();
    assert_eq!(bio.mem_data(), Some(&b"a line\n"[..]));
    bio.write(b"lf\n").unwrap();
    assert_eq!(bio.mem_data(), Some(&b"a line\nand half\n"[..]));
}

#[test]
fn a_read_buffer_goes_back() {
    // SAFETY: little is read through it.
    let mut bio = before_memory(unsafe { Bio::read_buffer() }.unwrap());
    bio.next_mut().unwrap().write(b"look and look again").unwrap();
    let mut buf = [0; 8];
    assert_eq!(bio.read(&mut buf).unwrap(), 8);
    assert_eq!(bio.tell().unwrap(), 8);
    bio.seek(5).unwrap();
    assert_eq!(bio.read(&mut buf[..3]).unwrap(), 3);
    assert_eq!(&buf[..3], b"and");
    assert!(bio.write(b"x").is_err());
}

#[test]
fn base64_goes_both_ways_on_one_line_or_more() {
    for one_line in [false, true] {
        let mut bio = before_memory(Bio::base64().unwrap());
        if one_line {
            bio.set_flags(BioFlags::BASE64_NO_NL).unwrap();
        }
        let data: Vec<u8> = (0..=99).collect();
        bio.write(&data).unwrap();
        bio.flush().unwrap();
        let text = bio.mem_data().unwrap().to_vec();
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), if one_line { 0 } else { 3 });
        let mut back = before_memory(Bio::base64().unwrap());
        back.next_mut().unwrap().write(&text).unwrap();
        back.next_mut().unwrap().set_mem_eof_return(MemEof::End).unwrap();
        if one_line {
            back.set_flags(BioFlags::BASE64_NO_NL).unwrap();
        }
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut back, &mut all).unwrap();
        assert_eq!(all, data);
    }
}

#[test]
fn lines_get_a_prefix_and_an_indentation() {
    let mut bio = before_memory(Bio::prefix().unwrap());
    bio.set_prefix(Some(c"> ")).unwrap();
    bio.set_indent(2).unwrap();
    assert_eq!(bio.indent(), 2);
    bio.write(b"one\ntwo\n").unwrap();
    bio.set_prefix(None).unwrap();
    bio.set_indent(0).unwrap();
    bio.write(b"three\n").unwrap();
    assert_eq!(bio.mem_data(), Some(&b">   one\n>   two\nthree\n"[..]));
    assert!(Bio::memory().unwrap().set_prefix(None).is_err());
}

#[test]
fn the_null_filter_passes_all() {
    let mut bio = before_memory(Bio::null_filter().unwrap());
    assert_eq!(bio.write(b"through").unwrap(), 7);
    assert_eq!((bio.pending(), bio.number_written()), (7, 7));
    assert_eq!(bio.next().unwrap().number_written(), 7);
}

#[test]
fn commands_of_ones_own_reach_the_chain() {
    let mut bio = before_memory(Bio::null_filter().unwrap());
    bio.write(b"seven..").unwrap();
    // SAFETY: commands that take numbers only.
    unsafe {
        assert_eq!(bio.ctrl(openssl_sys_ext::BIO_CTRL_PENDING, 0, std::ptr::null_mut()), 7);
        assert_eq!(bio.int_ctrl(openssl_sys_ext::BIO_C_SET_BUFF_SIZE, 100, 0), 0);
        // BIO_C_GET_CONNECT: no BIO here connects.
        assert!(bio.ptr_ctrl(openssl_sys_ext::BIO_C_GET_CONNECT, 0).is_null());
    }
}

#[test]
fn a_flush_of_base64_ends_where_nothing_is_taken() {
    // A prefix before what is full, and a filter with nothing behind it, take 0 bytes.
    let mut prefix = Bio::prefix().unwrap();
    prefix.set_prefix(Some(c"> ")).unwrap();
    let (narrow, _other) = Bio::new_bio_pair(8, 8).unwrap();
    prefix.push(narrow);
    let mut full = Bio::base64().unwrap();
    full.push(prefix);
    full.write(b"hello world").unwrap();
    assert!(full.flush().unwrap_err().retry().unwrap().should_write());

    let mut nowhere = Bio::base64().unwrap();
    nowhere.push(Bio::base64().unwrap());
    nowhere.push(Bio::null_filter().unwrap());
    nowhere.write(b"hello world").unwrap();
    nowhere.flush().unwrap_err().error().expect("a failure");
    assert_eq!(nowhere.links().count(), 3);
}
