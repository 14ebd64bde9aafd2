/// Finds the place of a manifest's field by its path, for errors of an API server.
package struct ManifestPlace: Hashable, Sendable {
    package var line: Int
    package var column: Int

    /// - Parameters:
    ///   - path: such as `spec.rollout.steps[1].setWeight`. A field that is not written has the place of its nearest parent.
    ///   - bytes: the content of the file that describes `deployment`.
    /// - Returns: nil where the file does not describe it.
    package static func find(_ path: String, of deployment: DeploymentKey, in bytes: [UInt8]) -> ManifestPlace? {
        guard bytes.count <= ManifestReader.fileLimitBytes, let text = String(validating: bytes, as: UTF8.self) else {
            return nil
        }
        for document in DocumentText.split(text) {
            for root in DocumentComposer.compose(document).roots {
                for node in ManifestList.documents(in: root.node) where describes(node, deployment) {
                    let place = node.nearest(elements(of: path)).place
                    return ManifestPlace(line: place.line, column: place.column)
                }
            }
        }
        return nil
    }

    static func describes(_ root: SourceNode, _ deployment: DeploymentKey) -> Bool {
        root["kind"]?.text == ManifestKind.modelDeployment.rawValue
            && root["metadata"]?["name"]?.text == deployment.name
            && (root["metadata"]?["namespace"]?.text ?? WrittenMetadata().namespace) == deployment.namespace
    }

    /// Splits a path into field names, list indices `[NUMBER]`, and names with dots `[NAME]`.
    static func elements(of path: String) -> [PathElement] {
        var elements: [PathElement] = []
        var name = ""
        var isInBrackets = false
        func flush() {
            if !name.isEmpty { elements.append(.field(name)) }
            name = ""
        }
        for character in path {
            switch character {
            case "[" where !isInBrackets:
                flush()
                isInBrackets = true
            case "]" where isInBrackets:
                let bare = name.trimmingPrefix("\"").reversed().trimmingPrefix("\"").reversed()
                elements.append(Int(name).map(PathElement.index) ?? .field(String(bare)))
                name = ""
                isInBrackets = false
            case "." where !isInBrackets: flush()
            default: name.append(character)
            }
        }
        flush()
        return elements
    }
}

extension SourceNode {
    /// The node at a path, or its nearest existing parent.
    fileprivate func nearest(_ path: [PathElement]) -> SourceNode {
        var node = self
        for element in path {
            switch element {
            case .field(let name):
                guard let next = node[name] else { return node }
                node = next
            case .index(let index):
                guard case .sequence(let items) = node.content, items.indices.contains(index) else { return node }
                node = items[index]
            }
        }
        return node
    }
}
