import Testing

@testable import ModelManifests

@Suite struct AliasCountTests {
    @Test func `only names that are anchored somewhere count`() {
        #expect(AliasLimit.upperBound("a: &x 1\nb: *x\nc: *x\n") == 2)
        #expect(AliasLimit.upperBound("glob: '*.yaml'\nurl: a?b=1&c=2\nmatch: *y\n") == 0)
        #expect(AliasLimit.upperBound("plain: text") == 0)
    }

    @Test func `anchors that follow each other are all seen`() {
        #expect(AliasLimit.upperBound("[&a 1,&b-c 2,*a,*b-c,**a]") == 3)
    }
}
