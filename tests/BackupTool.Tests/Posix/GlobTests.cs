using System.Text;
using System.Text.RegularExpressions;
using BackupTool.Posix;
using CsCheck;

namespace BackupTool.Tests.Posix;

public class GlobTests
{
    [Theory]
    [InlineData("*.log", "maubot.log", true)]
    [InlineData("*.log", "deep/er/maubot.log", true)]
    [InlineData("*.log", "maubot.log/inner", false)]
    [InlineData("/*.log", "maubot.log", true)]
    [InlineData("/*.log", "deep/maubot.log", false)]
    [InlineData("plugins/*.db", "plugins/a.db", true)]
    [InlineData("plugins/*.db", "var/plugins/a.db", false)]
    [InlineData("plugins/*.db", "plugins/a/b.db", false)]
    [InlineData("var/**/x", "var/x", true)]
    [InlineData("var/**/x", "var/a/b/x", true)]
    [InlineData("var/**/x", "var/a/b/y", false)]
    [InlineData("var/**", "var", false)]
    [InlineData("var/**", "var/a/b", true)]
    [InlineData("**", "anything/at/all", true)]
    [InlineData("**/a/*/b", "a/a/x/b", true)]
    [InlineData("a**b", "axxb", true)]
    [InlineData("a**b", "ax/xb", false)]
    [InlineData("?", "ä", true)]
    [InlineData("??", "ä", false)]
    [InlineData("*??", "€", false)]
    [InlineData("*[!a-z][!a-z]b", "€b", false)]
    [InlineData("[äö].txt", "ö.txt", true)]
    [InlineData("[a-c]x", "bx", true)]
    [InlineData("[!a-c]x", "bx", false)]
    [InlineData("[^a-c]x", "dx", true)]
    [InlineData("[]-]", "]", true)]
    [InlineData("[]-]", "-", true)]
    [InlineData("[\\]]", "]", true)]
    [InlineData("[\\ä]", "ä", true)]
    [InlineData("\\*", "*", true)]
    [InlineData("\\*", "a", false)]
    [InlineData("*", ".hidden", true)]
    [InlineData("LOG*", "log", false)]
    public void Matches_as_gitignore_does(string pattern, string path, bool expected) =>
        Glob.Parse(pattern).IsMatch(BytePath.From(path), isDirectory: false).Should().Be(expected);

    [Fact]
    public void Takes_a_leading_slash_of_the_path_for_nothing() =>
        Glob.Parse("/var/*").IsMatch(BytePath.From("/var/x"), isDirectory: false).Should().BeTrue();

    [Fact]
    public void Matches_directories_only_when_the_pattern_ends_in_a_slash()
    {
        Glob cache = Glob.Parse("cache/");
        cache.IsMatch(BytePath.From("a/cache"), isDirectory: true).Should().BeTrue();
        cache.IsMatch(BytePath.From("a/cache"), isDirectory: false).Should().BeFalse();
        cache.Covers(BytePath.From("a/cache/x/y"), isDirectory: false).Should().BeTrue();
        cache.Covers(BytePath.From("cache"), isDirectory: false).Should().BeFalse();
    }

    [Fact]
    public void Covers_everything_below_a_directory_that_it_matches_and_nothing_beside_it()
    {
        Glob glob = Glob.Parse("/var/lib/maubot");
        glob.Covers(BytePath.From("var/lib/maubot"), isDirectory: true).Should().BeTrue();
        glob.Covers(BytePath.From("var/lib/maubot/plugins/a.db"), isDirectory: false).Should().BeTrue();
        glob.Covers(BytePath.From("var/lib/maubot-2/x"), isDirectory: false).Should().BeFalse();
        glob.Covers(BytePath.From("var/lib"), isDirectory: true).Should().BeFalse();
    }

    [Fact]
    public void Matches_names_that_are_not_text_byte_by_byte()
    {
        var name = new BytePath([(byte)'d', (byte)'/', 0xff, (byte)'a']);
        Glob.Parse("?a").IsMatch(name, false).Should().BeTrue();
        Glob.Parse("\\xffa").IsMatch(name, false).Should().BeTrue();
        Glob.Parse("[\\xfe-\\xff]a").IsMatch(name, false).Should().BeTrue();
        Glob.Parse("\\xfea").IsMatch(name, false).Should().BeFalse();
        Glob.Parse(name.ToString()).IsMatch(name, false).Should().BeTrue("what a listing prints can be given back");
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("[ab")]
    [InlineData("[z-a]")]
    [InlineData("a\\")]
    [InlineData("\\xZZ")]
    [InlineData("\\x00")]
    [InlineData("a/../b")]
    [InlineData("./a")]
    [InlineData("a\0b")]
    public void Refuses_a_pattern_that_could_never_match_and_says_why(string pattern)
    {
        Action parse = () => Glob.Parse(pattern);
        parse.Should().Throw<InvalidGlobException>().Which.Hint.Should().NotBeNullOrEmpty();
    }

    [Fact]
    public async Task Takes_no_time_over_patterns_that_make_backtracking_explode()
    {
        Glob stars = Glob.Parse(string.Concat(Enumerable.Repeat("*a", 200)) + "b");
        Glob deep = Glob.Parse(string.Concat(Enumerable.Repeat("**/a/", 100)) + "b");
        var name = BytePath.From(new string('a', 4000));
        var path = BytePath.From(string.Join('/', Enumerable.Repeat("a", 2000)));
        await Task.Run(() =>
        {
            stars.IsMatch(name, false).Should().BeFalse();
            deep.IsMatch(path, false).Should().BeFalse();
        }, TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Agrees_with_a_regular_expression_on_any_pattern_and_path()
    {
        Gen<string> piece = AnyOf("a", "b", "*", "?", "**", "/", "/", "[ab]");
        Gen<string> pattern = piece.Array[1, 8].Select(string.Concat).Where(p => Glob.TryParse(p, out _, out _));
        Gen<string> path = AnyOf("a", "b", "ab", "ba", "c").Array[1, 5].Select(names => string.Join('/', names));
        Gen.Select(pattern, path).Sample((p, s) => Glob.Parse(p).IsMatch(BytePath.From(s), true) == Reference(p).IsMatch(s), iter: 20_000);
    }

    private static Gen<string> AnyOf(params string[] choices) => Gen.Int[0, choices.Length - 1].Select(i => choices[i]);

    private static Regex Reference(string pattern)
    {
        bool anchored = pattern.StartsWith('/');
        string[] components = pattern.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (!anchored && components is [not "**"]) components = ["**", .. components];
        var regex = new StringBuilder("^");
        for (int i = 0; i < components.Length; i++)
        {
            bool last = i == components.Length - 1;
            if (components[i] == "**") regex.Append(last ? ".+" : "(?:[^/]+/)*");
            else regex.Append(Regex.Replace(components[i], @"\*+", "*").Replace("*", "[^/]*").Replace("?", "[^/]")).Append(last ? "" : "/");
        }
        return new Regex(regex.Append('$').ToString(), RegexOptions.CultureInvariant);
    }
}
