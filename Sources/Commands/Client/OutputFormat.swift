import ArgumentParser
import ControlAPI
import Foundation
import SafeText

enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
    case table, wide, json, yaml

    /// Nil for tables, which the commands draw themselves.
    func document(_ value: some Encodable) throws -> String? {
        switch self {
        case .table, .wide: nil
        case .json:
            Escape.jsonDocument(String(decoding: try APICoding.encode(value, pretty: true), as: UTF8.self)) + "\n"
        case .yaml: try YAMLText.render(json: APICoding.encode(value))
        }
    }
}
