import Serving

/// Finds what is new in a log that is read again and again, a window of its last lines at a time. Pure.
///
/// A window in which every line is the same as in the last one counts as unchanged: lines have no positions.
package struct LogFollower: Sendable {
    package struct News: Hashable, Sendable {
        package var lines: [LogLine]
        /// Instances that may have written more than a window since, so that lines are missing.
        package var interrupted: [String]
    }

    private struct Source: Hashable {
        var revision: String
        var instance: String
    }

    private var last: [Source: [LogLine]] = [:]

    package init() {}

    /// - Parameter window: the last lines of all instances, oldest first.
    package mutating func news(in window: [LogLine]) -> News {
        var news = News(lines: [], interrupted: [])
        var kept: [Source: [LogLine]] = [:]
        var order: [Source] = []
        for line in window {
            let source = Source(revision: line.revision.rawValue, instance: line.instance)
            if kept[source] == nil { order.append(source) }
            kept[source, default: []].append(line)
        }
        for source in order {
            let lines = kept[source] ?? []
            guard let before = last[source] else {
                news.lines += lines
                continue
            }
            let count = Self.newCount(in: lines, after: before)
            if count == lines.count, !before.isEmpty { news.interrupted.append(source.instance) }
            news.lines += lines.suffix(count)
        }
        last = kept
        return news
    }

    /// How many lines at the end are new: the fewest that make the rest the end of what was there before.
    private static func newCount(in lines: [LogLine], after before: [LogLine]) -> Int {
        if lines.count >= before.count, lines.starts(with: before) { return lines.count - before.count }
        for count in 0..<lines.count {
            let old = lines.dropLast(count)
            if before.suffix(old.count).elementsEqual(old) { return count }
        }
        return lines.count
    }
}
