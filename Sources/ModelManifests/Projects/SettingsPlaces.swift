/// A step on the way to a field of the controller's settings file.
package enum SettingsStep: Hashable, Sendable {
    case field(String)
    case index(Int)

    package init(_ key: any CodingKey) { self = key.intValue.map { .index($0) } ?? .field(key.stringValue) }

    fileprivate var element: PathElement {
        switch self {
        case .field(let name): .field(name)
        case .index(let index): .index(index)
        }
    }
}

/// What is wrong with a field of the settings file. `SettingsPlaces` says where it stands.
package struct SettingsFault: Error, Hashable, Sendable, CustomStringConvertible {
    package var path: [SettingsStep]
    package var message: String

    package init(at path: [SettingsStep], _ message: String) {
        self.path = path
        self.message = message
    }

    package var description: String {
        path.isEmpty ? message : "\(PathElement.text(path.map(\.element))): \(message)"
    }
}

/// Where the fields of a settings file stand.
package struct SettingsPlaces: Sendable {
    private let file: String
    private let root: SourceNode?

    /// - Parameter file: its path, for messages.
    package init(reading text: String, file: String) {
        self.file = file
        root = DocumentText.split(text).lazy.compactMap { DocumentComposer.compose($0).roots.first?.node }.first
    }

    /// `FILE:LINE:COLUMN: FIELD: what is wrong`. A field that is missing stands where the object does that lacks it.
    package func text(_ fault: SettingsFault) -> String {
        "\(position(of: fault.path)): \(fault)"
    }

    /// `FILE:LINE:COLUMN` of a field; only the file where nothing is known of it.
    package func position(of path: [SettingsStep]) -> String {
        guard let place = place(of: path) else { return file }
        return "\(file):\(place.line):\(place.column)"
    }

    private func place(of path: [SettingsStep]) -> SourcePlace? {
        guard var node = root else { return nil }
        var place = node.place
        for step in path {
            switch (step, node.content) {
            case (.field(let name), _):
                guard let entry = node.entry(name) else { return place }
                (node, place) = (entry.value, entry.keyPlace)
            case (.index(let index), .sequence(let items)) where items.indices.contains(index):
                (node, place) = (items[index], items[index].place)
            case (.index, _): return place
            }
        }
        return place
    }
}
