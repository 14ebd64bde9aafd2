import JSON

/// A way to slice the traffic: each comparing gate that goes by requests is also judged on each of its values.
public struct TrafficSlice: Hashable, Codable, Sendable {
    /// Where a request has its value.
    public enum Key: Hashable, Codable, Sendable {
        /// In the first header of this name.
        case header(String)
        /// In its JSON body.
        case path(JSONPath)
    }

    /// Which values are told apart. What has none of them is `other`.
    public enum Values: Hashable, Codable, Sendable {
        case listed([String])
        /// The most frequent ones.
        case top(Int)
    }

    /// A value with this name, and whatever has none of the values.
    public static let other = "other"
    /// Longer values, and those that cannot be printed, are `other`.
    public static let valueBytesMax = 64
    /// Of a rollout.
    public static let countLimit = 4
    /// Of a rollout: the values of all its slices, without the rest.
    public static let valueLimit = 24
    public static let valuesOfOneLimit = 20

    public var name: String
    public var key: Key
    public var values: Values

    public init(name: String, key: Key, values: Values) {
        self.name = name
        self.key = key
        self.values = values
    }

    /// How many values it has at most, the rest included.
    public var valueCount: Int {
        switch values {
        case .listed(let values): values.count + 1
        case .top(let count): count + 1
        }
    }

    /// As readings and gates call one value of it.
    public func label(_ value: String) -> String { "\(name)=\(value)" }

    /// The name of the slice that a label is of.
    public static func name(ofLabel label: String) -> Substring { label.prefix { $0 != "=" } }
}

extension TrafficSlice {
    /// What a request may be told apart by: short, and printable, for it stands in statuses, events and records.
    public static func isValue(_ text: String) -> Bool {
        (1...valueBytesMax).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { scalar in
                switch scalar.properties.generalCategory {
                // What moves or hides other text among them: it could be taken for another value.
                case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
                default: true
                }
            }
    }

    /// Headers whose values must never be written down.
    public static func isSecret(header: String) -> Bool {
        header.lowercased().split { $0 == "-" || $0 == "_" }.contains { secretWords.contains(String($0)) }
    }

    /// Words of such a header's name.
    static let secretWords = [
        "apikey", "auth", "authorization", "cookie", "credential", "credentials", "csrf", "jwt", "key", "password",
        "secret", "session", "sessionid", "sid", "token",
    ]
}
