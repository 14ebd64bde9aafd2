import JSON
import ModelManifests

/// How server-side apply splits a value: which maps and lists are owned as a whole, and which item by item.
indirect enum FieldSchema: Hashable, Sendable {
    /// Without a declaration: objects field by field, lists as a whole.
    case deduced
    case atomic
    case structure([String: FieldSchema], others: Others)
    /// A list whose items are identified by keys. A missing key has its default.
    case keyedList([String], defaults: [String: JSONValue] = [:], item: FieldSchema)
    case set

    enum Others: Hashable, Sendable {
        /// A built-in type. Only its special fields are listed here.
        case named
        /// Field names are data, as in labels.
        case unknown(FieldSchema)
        case forbidden
    }

    static let builtIn = FieldSchema.structure([:], others: .named)
    static func type(_ fields: [String: FieldSchema]) -> FieldSchema { .structure(fields, others: .named) }
    static func map(_ values: FieldSchema = .deduced) -> FieldSchema { .structure([:], others: .unknown(values)) }
    static func list(by keys: String..., defaults: [String: JSONValue] = [:], of item: FieldSchema = .builtIn)
        -> FieldSchema
    { .keyedList(keys, defaults: defaults, item: item) }

    /// The shape into which a value of this schema splits. Values that do not fit are leaves.
    func shape(of value: JSONValue) -> Shape {
        switch (self, value) {
        case (.deduced, .object): .object([:], .unknown(.deduced))
        case (.structure(let fields, let others), .object): .object(fields, others)
        case (.keyedList(let keys, let defaults, let item), .array): .items(keys, defaults, item)
        case (.set, .array): .members
        default: .leaf
        }
    }

    enum Shape {
        case leaf
        case object([String: FieldSchema], Others)
        case items([String], [String: JSONValue], FieldSchema)
        case members
    }

    /// The schema of a field, and whether its name is part of the type.
    static func field(_ name: String, _ fields: [String: FieldSchema], _ others: Others) -> (FieldSchema, isNamed: Bool)
    {
        if let schema = fields[name] { return (schema, true) }
        return switch others {
        case .named: (.builtIn, true)
        case .forbidden: (.deduced, true)
        case .unknown(let schema): (schema, false)
        }
    }
}

extension FieldSchema {
    /// A value's parts, by the last element of their paths, in order.
    func parts(of value: JSONValue) -> [(element: PathElement, value: JSONValue, schema: FieldSchema, isNamed: Bool)]? {
        switch shape(of: value) {
        case .leaf: return nil
        case .object(let fields, let others):
            return value.fields.sorted { $0.key < $1.key }.map { name, value in
                let (schema, isNamed) = Self.field(name, fields, others)
                return (.field(name), value, schema, isNamed)
            }
        case .items(let keys, let defaults, let schema):
            return value.items.map { item in
                var found: [String: JSONValue] = [:]
                for key in keys { found[key] = item[field: key] ?? defaults[key] }
                return (.key(found), item, schema, false)
            }
        case .members: return value.items.map { (.value($0), $0, .deduced, false) }
        }
    }

    /// The schema below an element, and whether that is a named field.
    func below(_ element: PathElement) -> (FieldSchema, isNamed: Bool) {
        switch (self, element) {
        case (.structure(let fields, let others), .field(let name)): Self.field(name, fields, others)
        case (.keyedList(_, _, let item), .key): (item, false)
        default: (.deduced, false)
        }
    }
}
