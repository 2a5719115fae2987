// Where the page begins. Until it has screens, it leads to what there is.

const app = document.getElementById("app");
const link = document.createElement("a");
link.href = "/docs";
link.textContent = "The description of the API";
app?.append(link);
