//! Index files in a short form, and whose checksums are put right after the fuzzer has changed them:
//! docs/formats.md, read again.

use xxhash_rust::xxh3::xxh3_64;

/// Where records begin.
pub const FRONT: usize = 12288;
const HEADER: usize = 64;
const PAGE: usize = 4096;
/// Bytes that share a checksum, where the fuzzer runs.
const CHUNK: usize = if cfg!(fuzzing) { 256 } else { 64 << 10 };

/// What is done with the bytes before they are a file. All bits of the first byte mean something.
#[derive(Debug, Clone, Copy)]
pub struct Plan(pub u8);

impl Plan {
    /// The bytes are the file; otherwise they are a header, two commits and records, without the rest of the front.
    pub fn is_literal(self) -> bool {
        self.0 & 1 != 0
    }

    fn seals_front(self) -> bool {
        self.0 & 2 == 0
    }

    fn fits_length(self) -> bool {
        self.0 & 4 == 0
    }

    fn seals_records(self) -> bool {
        self.0 & 8 == 0
    }

    /// The last three bytes are an [`edit`].
    fn edits(self) -> bool {
        self.0 & 16 != 0
    }
}

/// The file that `data` stands for. The first byte is the [`Plan`].
pub fn file(data: &[u8]) -> Vec<u8> {
    let Some((plan, bytes)) = data.split_first() else { return Vec::new() };
    let plan = Plan(*plan);
    let mut file = match bytes.split_at_checked(3 * HEADER) {
        Some((parts, records)) if !plan.is_literal() => {
            let mut file = vec![0; FRONT];
            for (page, part) in parts.chunks(HEADER).enumerate() {
                file[page * PAGE..][..HEADER].copy_from_slice(part);
                file[page * PAGE + HEADER..][..HEADER].copy_from_slice(part);
            }
            file.extend_from_slice(records);
            file
        }
        _ => bytes.to_vec(),
    };
    if file.len() < FRONT {
        return file;
    }
    if plan.edits()
        && let Some((rest, edit)) = file.split_last_chunk()
    {
        let (rest, last) = (rest.to_vec(), *edit);
        file = rest;
        self::edit(&mut file, last);
    }
    if plan.fits_length() {
        fit_length(&mut file);
    }
    if plan.seals_records() {
        seal_records(&mut file);
    }
    if plan.seals_front() {
        seal_pending(&mut file);
        for page in [0, PAGE, 2 * PAGE] {
            for at in [page, page + HEADER] {
                // Commits that were never written stay so.
                if file[at..at + 8] != [0; 8] {
                    seal(&mut file[at..at + HEADER]);
                }
            }
        }
    }
    file
}

/// The short form of a file that was written, under `plan`.
pub fn short(file: &[u8], plan: u8) -> Vec<u8> {
    let parts = [0, PAGE, 2 * PAGE].into_iter().flat_map(|at| &file[at..at + HEADER]);
    [plan].iter().chain(parts).chain(&file[FRONT..]).copied().collect()
}

/// Numbers that are too large or too small, or nearly so.
const EXTREMES: [u64; 10] = [
    u64::MAX,
    u64::MAX - 1,
    u64::MAX - 2,
    u32::MAX as u64,
    u32::MAX as u64 - 7,
    1 << 32,
    1 << 63,
    1 << 60,
    0,
    1,
];

/// Puts an extreme number into a field of the commits or of a record: rare where single bytes are changed at random.
fn edit(file: &mut [u8], [place, field, number]: [u8; 3]) {
    let number = EXTREMES[usize::from(number) % EXTREMES.len()].to_le_bytes();
    let field = [8, 16, 24, 32][usize::from(field) % 4];
    let is_record = |at: &usize| matches!(&file[*at..*at + 4], b"H2QS" | b"H2QR");
    let record = |n: usize| {
        (FRONT..file.len() - file.len() % HEADER).step_by(HEADER).filter(is_record).nth(n)
    };
    let starts: Vec<usize> = match usize::from(place) % 8 {
        // Both copies.
        page @ (1 | 2) => vec![page * PAGE, page * PAGE + HEADER],
        n => record(n / 2).into_iter().collect(),
    };
    for at in starts {
        if let Some(field) = file.get_mut(at + field..at + field + 8) {
            field.copy_from_slice(&number);
        }
    }
}

/// Makes the last commit count all of the file.
fn fit_length(file: &mut [u8]) {
    let length = (file.len() as u64) & !63;
    let sequence = |page: usize| u64_at(file, page * PAGE + 8);
    let last = if sequence(1) >= sequence(2) { 1 } else { 2 };
    for at in [last * PAGE, last * PAGE + HEADER] {
        file[at + 16..at + 24].copy_from_slice(&length.to_le_bytes());
    }
}

/// Gives each commit the checksum of the bytes that it says came together with it.
fn seal_pending(file: &mut [u8]) {
    for at in [PAGE, PAGE + HEADER, 2 * PAGE, 2 * PAGE + HEADER] {
        let (length, pending) = (u64_at(file, at + 16) as usize, u64_at(file, at + 24) as usize);
        let start = length.checked_sub(pending).filter(|_| pending > 0);
        if let Some(bytes) = start.and_then(|start| file.get(start..length)) {
            let checksum = xxh3_64(bytes);
            file[at + 32..at + 40].copy_from_slice(&checksum.to_le_bytes());
        }
    }
}

/// Gives each record the length and the checksums that belong to it, as far as records follow each other.
fn seal_records(file: &mut [u8]) {
    let (bits, flags) = (u32_at(file, 48), u32_at(file, 52));
    let mut at = FRONT;
    while at + HEADER <= file.len() {
        let mut next = file.len();
        if let Some(payload) = payload_bytes(&file[at..at + HEADER], bits, flags)
            && let count = payload.div_ceil(CHUNK)
            && let table = (count * 8).next_multiple_of(64)
            && let Some(end) = (at + HEADER + table).checked_add(payload)
            && end <= file.len()
        {
            let (head, rest) = file[at..end].split_at_mut(HEADER);
            let (sums, payload) = rest.split_at_mut(table);
            for (sum, chunk) in sums.as_chunks_mut::<8>().0.iter_mut().zip(payload.chunks(CHUNK)) {
                *sum = xxh3_64(chunk).to_le_bytes();
            }
            sums[count * 8..].fill(0);
            head[32..40].copy_from_slice(&((table + payload.len()) as u64).to_le_bytes());
            head[40..48].copy_from_slice(&xxh3_64(&sums[..count * 8]).to_le_bytes());
            next = end;
        }
        seal(&mut file[at..at + HEADER]);
        at = next;
    }
}

/// Bytes of the sections of a record with their padding.
fn payload_bytes(head: &[u8], bits: u32, flags: u32) -> Option<usize> {
    let count = usize::try_from(u64_at(head, 24)).ok()?;
    let padded = |bytes: Option<usize>| bytes?.checked_next_multiple_of(64);
    let column = |is_there: bool, size: usize| match is_there {
        true => padded(count.checked_mul(size)),
        false => Some(0),
    };
    match &head[..8] {
        b"H2QSEGMT" => {
            let codes =
                count.div_ceil(8).checked_mul(bits.div_ceil(64) as usize)?.checked_mul(64)?;
            let columns = [
                column(flags & 1 != 0, 8)?,
                column(head[12] & 1 != 0, 4)?,
                column(flags & 2 != 0, 4)?,
            ];
            columns.into_iter().try_fold(codes, usize::checked_add)
        }
        b"H2QREMOV" => column(true, 4),
        _ => None,
    }
}

fn seal(header: &mut [u8]) {
    let checksum = xxh3_64(&header[..56]);
    header[56..64].copy_from_slice(&checksum.to_le_bytes());
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
