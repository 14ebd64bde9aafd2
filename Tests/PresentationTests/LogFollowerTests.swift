import ModelManifests
import Serving
import Testing

@testable import Presentation

@Suite("What is new in a log")
struct LogFollowerTests {
    private func window(_ texts: String, _ instance: String = "a-1") -> [LogLine] {
        texts.map { LogLine(revision: Revision(rawValue: "r"), instance: instance, text: String($0)) }
    }

    private func news(_ windows: String...) -> [String] {
        var follower = LogFollower()
        return windows.map { follower.news(in: window($0)).lines.map(\.text).joined() }
    }

    @Test("each line is told once, also when the window moves")
    func once() {
        #expect(news("abc", "abcd", "abcd", "cdef") == ["abc", "d", "", "ef"])
        #expect(news("", "ab") == ["", "ab"])
        // The same line again, while the window has room.
        #expect(news("aa", "aaa") == ["aa", "a"])
    }

    @Test("a gap is told, and nothing is told twice after it")
    func gap() {
        var follower = LogFollower()
        _ = follower.news(in: window("abc"))
        let news = follower.news(in: window("xyz"))
        #expect(news.interrupted == ["a-1"] && news.lines.count == 3)
        #expect(follower.news(in: window("xyz")).lines.isEmpty)
    }

    @Test("instances are followed apart, and a new one begins with all that it has")
    func instances() {
        var follower = LogFollower()
        _ = follower.news(in: window("ab"))
        let news = follower.news(in: window("abc") + window("ab", "a-2"))
        #expect(news.lines.map { "\($0.instance)\($0.text)" } == ["a-1c", "a-2a", "a-2b"] && news.interrupted.isEmpty)
    }
}
