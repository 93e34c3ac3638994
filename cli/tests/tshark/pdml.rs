//! What tshark says, read from its PDML.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// A packet as tshark sees it.
#[derive(Debug, Default)]
pub(crate) struct Dissected {
    pub(crate) fields: Vec<Field>,
}

/// A field, without `couchbase.` in its name.
#[derive(Debug, Default)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// The number or the text.
    pub(crate) show: String,
    /// The bytes that it is of, in hexadecimal digits.
    pub(crate) value: String,
    /// How many bytes it is of.
    pub(crate) size: usize,
}

/// The packets in a document, in the order of it.
pub(crate) fn read(pdml: impl BufRead) -> Vec<Dissected> {
    let mut reader = Reader::from_reader(pdml);
    let mut buffer = Vec::new();
    let mut packets = Vec::<Dissected>::new();
    loop {
        match reader.read_event_into(&mut buffer).expect("XML") {
            Event::Start(element) | Event::Empty(element) => match element.name().as_ref() {
                b"proto" => match field(&element) {
                    field if field.name == "couchbase" => packets.push(Dissected::default()),
                    // Of the packet before it.
                    mut field if field.name == "_ws.malformed" => {
                        if let Some(packet) = packets.last_mut() {
                            field.name = "malformed".to_owned();
                            packet.fields.push(field);
                        }
                    }
                    _ => {}
                },
                b"field" => {
                    let mut field = field(&element);
                    if let (Some(name), Some(packet)) =
                        (field.name.strip_prefix("couchbase."), packets.last_mut())
                    {
                        field.name = name.to_owned();
                        packet.fields.push(field);
                    }
                }
                _ => {}
            },
            Event::Eof => return packets,
            _ => {}
        }
        buffer.clear();
    }
}

fn field(element: &BytesStart<'_>) -> Field {
    let mut field = Field::default();
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.expect("an attribute");
        let text = || String::from_utf8_lossy(&attribute.value).into_owned();
        match attribute.key.as_ref() {
            b"name" => field.name = text(),
            b"show" => field.show = text(),
            b"value" => field.value = text(),
            b"size" => field.size = text().parse().expect("a number"),
            _ => {}
        }
    }
    field
}
