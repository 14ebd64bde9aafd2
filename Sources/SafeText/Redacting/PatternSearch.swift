/// Finds many patterns in one pass over bytes: the automaton of Aho and Corasick (1975). A state is the longest beginning of
/// a pattern that the bytes read so far end with.
struct PatternSearch: Sendable {
    private struct Node {
        var byte: UInt8
        var depth: Int32
        /// Children are a list: a state's first, and each one's next.
        var firstChild: Int32 = 0
        var nextSibling: Int32 = 0
        var fallback: Int32 = 0
        /// The length of the longest pattern that ends here.
        var match: Int32 = 0
    }

    private var nodes = [Node(byte: 0, depth: 0)]
    private var roots = [Int32](repeating: 0, count: 256)

    init(_ patterns: Set<[UInt8]>) {
        for pattern in patterns where !pattern.isEmpty { insert(pattern) }
        link()
    }

    var isEmpty: Bool { nodes.count == 1 }

    func depth(_ state: Int32) -> Int { Int(nodes[Int(state)].depth) }
    func longestMatch(_ state: Int32) -> Int { Int(nodes[Int(state)].match) }

    func step(_ state: Int32, _ byte: UInt8) -> Int32 {
        var state = state
        while state != 0 {
            if let next = child(of: state, byte) { return next }
            state = nodes[Int(state)].fallback
        }
        return roots[Int(byte)]
    }

    private func child(of state: Int32, _ byte: UInt8) -> Int32? {
        if state == 0 { return roots[Int(byte)] == 0 ? nil : roots[Int(byte)] }
        var next = nodes[Int(state)].firstChild
        while next != 0 {
            if nodes[Int(next)].byte == byte { return next }
            next = nodes[Int(next)].nextSibling
        }
        return nil
    }

    private mutating func insert(_ pattern: [UInt8]) {
        var state: Int32 = 0
        for (index, byte) in pattern.enumerated() {
            if let next = child(of: state, byte) {
                state = next
                continue
            }
            let made = Int32(nodes.count)
            nodes.append(Node(byte: byte, depth: Int32(index + 1), nextSibling: nodes[Int(state)].firstChild))
            if state == 0 {
                roots[Int(byte)] = made
                nodes[Int(made)].nextSibling = 0
            } else {
                nodes[Int(state)].firstChild = made
            }
            state = made
        }
        nodes[Int(state)].match = Int32(pattern.count)
    }

    /// Links the states level by level: a state needs the links of all shorter ones.
    private mutating func link() {
        var level = roots.filter { $0 != 0 }
        while !level.isEmpty {
            var next: [Int32] = []
            for state in level {
                var child = nodes[Int(state)].firstChild
                while child != 0 {
                    let fallback = step(nodes[Int(state)].fallback, nodes[Int(child)].byte)
                    nodes[Int(child)].fallback = fallback
                    nodes[Int(child)].match = max(nodes[Int(child)].match, nodes[Int(fallback)].match)
                    next.append(child)
                    child = nodes[Int(child)].nextSibling
                }
            }
            level = next
        }
    }
}
