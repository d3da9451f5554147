# The pages of docs/, as a book to read in a browser.
{
  mdbook,
  runCommand,
}:

runCommand "forage-docs" { nativeBuildInputs = [ mdbook ]; } ''
  mdbook build --dest-dir $out ${../docs}
''
