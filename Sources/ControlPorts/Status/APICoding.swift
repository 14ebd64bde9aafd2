import Foundation
import Transport

/// How the API encodes and decodes JSON. The server, the client and `-o json` share it.
///
/// Times are written as RFC 3339 in UTC with milliseconds, and read with or without fractions. Keys are sorted, so that equal
/// values have equal text. A missing value is `null` if its type uses `Nullable`, and is left out otherwise.
package enum APICoding {
    package static func encode(_ value: some Encodable, pretty: Bool = false) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(RFC3339.text(date))
        }
        return try encoder.encode(value)
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let container = try decoder.singleValueContainer()
            let text = try container.decode(String.self)
            guard let date = RFC3339.date(text) else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "'\(text)' is not an RFC 3339 time such as 2026-11-20T09:30:00Z")
            }
            return date
        }
        return try decoder.decode(type, from: data)
    }
}
