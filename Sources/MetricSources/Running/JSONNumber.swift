import Analysis
import Foundation
import ModelManifests

/// The number at a place in a JSON document.
enum JSONNumber {
    static func measured(at path: JSONPath, in document: Data) -> Measured {
        guard let root = try? JSONDecoder().decode(Node.self, from: document) else {
            return .error("it prints neither a number nor JSON")
        }
        var node = root
        for step in path.steps {
            guard let next = node.child(step) else { return .noData("there is no '\(path.text)' in what it prints") }
            node = next
        }
        switch node {
        case .number(let number): return .value(number)
        case .null: return .noData("'\(path.text)' is null")
        case .other(let kind): return .error("'\(path.text)' is \(kind), not a number: correct the query")
        case .list: return .error("'\(path.text)' is a list, not a number: add the index, such as [0]")
        case .object: return .error("'\(path.text)' is an object, not a number: add the member's name")
        }
    }

    private indirect enum Node: Decodable {
        case null
        case number(Double)
        case list([Node])
        case object([String: Node])
        case other(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let number = try? container.decode(Double.self) {
                self = .number(number)
            } else if let list = try? container.decode([Node].self) {
                self = .list(list)
            } else if let object = try? container.decode([String: Node].self) {
                self = .object(object)
            } else {
                self = .other((try? container.decode(String.self)) == nil ? "a truth value" : "text")
            }
        }

        func child(_ step: JSONPath.Step) -> Node? {
            switch (self, step) {
            case (.list(let nodes), .element(let index)): nodes.indices.contains(index) ? nodes[index] : nil
            case (.object(let members), .member(let name)): members[name]
            default: nil
            }
        }
    }
}
