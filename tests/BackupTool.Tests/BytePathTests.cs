using BackupTool.Posix;

namespace BackupTool.Tests;

public class BytePathTests
{
    [Fact]
    public void Sorts_a_directory_before_its_contents_and_its_contents_before_its_siblings()
    {
        BytePath[] paths = [BytePath.From("a-b"), BytePath.From("a/z"), BytePath.From("a"), BytePath.From("a/b/c"), BytePath.From("b")];
        paths.Order().Select(p => p.ToString()).Should().Equal("a", "a/b/c", "a/z", "a-b", "b");
    }

    [Fact]
    public void Shows_bytes_that_are_not_text_without_letting_them_steer_the_terminal() =>
        new BytePath([(byte)'a', 0xff, 0x1b, (byte)'b']).ToString().Should().Be(@"a\xff\x1bb");

    [Theory]
    [InlineData("/a/b", "/a")]
    [InlineData("/a", "/")]
    [InlineData("a", "")]
    [InlineData("a/b", "a")]
    public void Knows_its_parent(string path, string parent) => BytePath.From(path).Parent.ToString().Should().Be(parent);
}
