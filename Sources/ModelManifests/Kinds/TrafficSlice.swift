import JSON

/// A way to slice the traffic: comparing gates of requests are also evaluated on each of its values.
package struct TrafficSlice: Hashable, Codable, Sendable {
    /// Where the value stands in a request.
    package enum Key: Hashable, Codable, Sendable {
        /// In the first header of this name.
        case header(String)
        /// In its JSON body.
        case path(JSONPath)
    }

    /// The values that are counted separately. Requests with any other value are `other`.
    package enum Values: Hashable, Codable, Sendable {
        case listed([String])
        /// The most frequent ones.
        case top(Int)
    }

    /// Stands for all other values, for requests without a value, and for a value with this name.
    package static let other = "other"
    /// Values that are longer or not printable count as `other`.
    package static let valueBytesMax = 64
    /// The limit for the slices of a rollout.
    package static let countLimit = 4
    /// The limit for the values of all slices of a rollout, not counting `other`.
    package static let valueLimit = 24
    package static let valuesOfOneLimit = 20

    package var name: String
    package var key: Key
    package var values: Values

    package init(name: String, key: Key, values: Values) {
        self.name = name
        self.key = key
        self.values = values
    }

    /// The largest number of its values, including `other`.
    package var valueCount: Int {
        switch values {
        case .listed(let values): values.count + 1
        case .top(let count): count + 1
        }
    }

    /// The name of one value in readings and gates.
    package func label(_ value: String) -> String { "\(name)=\(value)" }

    /// The name of the slice that a label belongs to.
    package static func name(ofLabel label: String) -> Substring { label.prefix { $0 != "=" } }
}

extension TrafficSlice {
    /// Whether a value can be shown in status, events and records: it is short and printable.
    package static func isValue(_ text: String) -> Bool {
        (1...valueBytesMax).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { scalar in
                switch scalar.properties.generalCategory {
                // These move or hide other text, so the value could look like another one.
                case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
                default: true
                }
            }
    }

    /// Whether the header's values are secret, so that they must never be stored.
    package static func isSecret(header: String) -> Bool {
        header.lowercased().split { $0 == "-" || $0 == "_" }.contains { secretWords.contains(String($0)) }
    }

    /// Words in the names of headers with secret values.
    static let secretWords = [
        "apikey", "auth", "authorization", "cookie", "credential", "credentials", "csrf", "jwt", "key", "password",
        "secret", "session", "sessionid", "sid", "token",
    ]
}
