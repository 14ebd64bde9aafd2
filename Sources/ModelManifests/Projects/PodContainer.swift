import JSON

/// A container of a pod template, with what a policy checks.
struct PodContainer {
    enum List: String, CaseIterable { case containers, initContainers, ephemeralContainers }

    var list: List
    /// In its list.
    var index: Int
    var name: String
    /// As written; null removes a field.
    var fields: [String: JSONValue]

    /// All containers of a template, list by list.
    static func all(of template: JSONValue?) -> [PodContainer] {
        let spec = template?["spec"]
        return List.allCases.flatMap { list in
            (spec?[list.rawValue]).elements.enumerated().map { index, container in
                var name = ""
                if case .string(let text)? = container["name"] { name = text }
                return PodContainer(list: list, index: index, name: name, fields: container.members)
            }
        }
    }

    /// In the template.
    var path: [PathElement] { [.field("spec"), .field(list.rawValue), .index(index)] }

    /// The container that a runtime describes.
    var isServer: Bool { list == .containers && name == PodTemplateRules.server }

    /// A container that mlctl writes and no runtime describes: it fetches, verifies or warms up the model's files.
    var isOfMlctl: Bool {
        switch list {
        case .containers: !isServer && PodTemplateRules.ownContainers.contains(name)
        case .initContainers: PodTemplateRules.ownInitContainers.contains(name)
        case .ephemeralContainers: false
        }
    }

    /// A sidecar: an init container that keeps running beside the server.
    var isRestartable: Bool { list == .initContainers && fields["restartPolicy"] == .string("Always") }

    var image: String? { if case .string(let image)? = fields["image"] { image } else { nil } }

    /// Names in `env`, with their places in it.
    var variables: [(name: String, index: Int)] {
        fields["env"].elements.enumerated().compactMap { index, variable in
            if case .string(let name)? = variable["name"] { (name, index) } else { nil }
        }
    }

    /// The mounted volumes: name and mount folder.
    var mounts: [(volume: String, folder: [Substring], index: Int)] {
        fields["volumeMounts"].elements.enumerated().map { index, mount in
            var volume = ""
            if case .string(let name)? = mount["name"] { volume = name }
            guard case .string(let path)? = mount["mountPath"] else { return (volume, [], index) }
            return (volume, Self.folder(path), index)
        }
    }

    /// The parts of a path from the root. Relative paths start at the root too.
    static func folder(_ path: String) -> [Substring] {
        path.split(separator: "/").reduce(into: []) { parts, part in
            switch part {
            case ".": break
            case "..": _ = parts.popLast()
            default: parts.append(part)
            }
        }
    }
}

extension JSONValue? {
    /// The elements of a list; empty for any other value.
    var elements: [JSONValue] { if case .array(let items)? = self { items } else { [] } }
}
