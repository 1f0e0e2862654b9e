//! What a new file begins with: an example of the format, to be written over.

use crate::sops::formats::Format;

/// The text of a new file.
pub(super) fn of(format: Format) -> &'static [u8] {
    let text = match format {
        Format::Yaml => {
            "# Write the content of the new file here; it is encrypted when you leave the editor.\nexample: value\n"
        }
        Format::Json => "{\n\t\"example\": \"value\"\n}\n",
        Format::Dotenv => {
            "# Write the content of the new file here; it is encrypted when you leave the editor.\nEXAMPLE=value\n"
        }
        Format::Ini => {
            "; Write the content of the new file here; it is encrypted when you leave the editor.\n[section]\nexample = value\n"
        }
        Format::Binary => "Write the content of the new file here; it is encrypted when you leave the editor.\n",
    };
    text.as_bytes()
}
