/// Where a field of a manifest stands, for those who know only its path: an API server that refuses it.
public struct ManifestPlace: Hashable, Sendable {
    public var line: Int
    public var column: Int

    /// - Parameters:
    ///   - path: `spec.rollout.steps[1].setWeight`. What is not written stands where the nearest of its holders does.
    ///   - bytes: of the file that describes `deployment`.
    /// - Returns: nil where the file does not describe it.
    public static func find(_ path: String, of deployment: DeploymentKey, in bytes: [UInt8]) -> ManifestPlace? {
        guard bytes.count <= ManifestReader.fileLimitBytes, let text = String(validating: bytes, as: UTF8.self) else {
            return nil
        }
        for document in DocumentText.split(text) {
            for root in DocumentComposer.compose(document).roots where describes(root.node, deployment) {
                let place = root.node.nearest(elements(of: path)).place
                return ManifestPlace(line: place.line, column: place.column)
            }
        }
        return nil
    }

    private static func describes(_ root: SourceNode, _ deployment: DeploymentKey) -> Bool {
        root["kind"]?.text == ManifestKind.modelDeployment.rawValue
            && root["metadata"]?["name"]?.text == deployment.name
            && (root["metadata"]?["namespace"]?.text ?? WrittenMetadata().namespace) == deployment.namespace
    }

    /// Fields by their names, entries of lists by `[NUMBER]`, and fields with dots in their names by `[NAME]`.
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
    /// What stands at a path, or as far along it as anything does.
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
